#include "mica/cuda/product_tensor.h"
// The products of gemm on tensor cores.
namespace mica::products {
template void on_tensor_cores<float16, true, true>(const Cuda&, const Product<Dense<float16>, Dense<float16>>&, bool);
template void on_tensor_cores<float16, true, false>(const Cuda&, const Product<Dense<float16>, Dense<float16>>&, bool);
template void on_tensor_cores<float16, false, true>(const Cuda&, const Product<Dense<float16>, Dense<float16>>&, bool);
template void on_tensor_cores<float16, false, false>(const Cuda&, const Product<Dense<float16>, Dense<float16>>&, bool);
template void on_tensor_cores<bfloat16, true, true>(const Cuda&, const Product<Dense<bfloat16>, Dense<bfloat16>>&, bool);
template void on_tensor_cores<bfloat16, true, false>(const Cuda&, const Product<Dense<bfloat16>, Dense<bfloat16>>&, bool);
template void on_tensor_cores<bfloat16, false, true>(const Cuda&, const Product<Dense<bfloat16>, Dense<bfloat16>>&, bool);
template void on_tensor_cores<bfloat16, false, false>(const Cuda&, const Product<Dense<bfloat16>, Dense<bfloat16>>&, bool);
}  // namespace mica::products
