#include "mica/cuda/product_cores.h"
// The products of gemm on CUDA cores.
namespace mica::products {
template void on_cores<double, true, true>(const Cuda&, const Product<Dense<double>, Dense<double>>&, bool);
template void on_cores<double, true, false>(const Cuda&, const Product<Dense<double>, Dense<double>>&, bool);
template void on_cores<double, false, true>(const Cuda&, const Product<Dense<double>, Dense<double>>&, bool);
template void on_cores<double, false, false>(const Cuda&, const Product<Dense<double>, Dense<double>>&, bool);
template void on_cores<float, true, true>(const Cuda&, const Product<Dense<float>, Dense<float>>&, bool);
template void on_cores<float, true, false>(const Cuda&, const Product<Dense<float>, Dense<float>>&, bool);
template void on_cores<float, false, true>(const Cuda&, const Product<Dense<float>, Dense<float>>&, bool);
template void on_cores<float, false, false>(const Cuda&, const Product<Dense<float>, Dense<float>>&, bool);
template void on_cores<bfloat16, true, true>(const Cuda&, const Product<Dense<bfloat16>, Dense<bfloat16>>&, bool);
template void on_cores<bfloat16, true, false>(const Cuda&, const Product<Dense<bfloat16>, Dense<bfloat16>>&, bool);
template void on_cores<bfloat16, false, true>(const Cuda&, const Product<Dense<bfloat16>, Dense<bfloat16>>&, bool);
template void on_cores<bfloat16, false, false>(const Cuda&, const Product<Dense<bfloat16>, Dense<bfloat16>>&, bool);
}  // namespace mica::products
