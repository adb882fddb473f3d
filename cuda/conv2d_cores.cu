#include "mica/cuda/product_cores.h"
// Convolutions on CUDA cores: forward, data gradient, weight gradient.
namespace mica::products {
template void on_cores<float, true, true>(const Cuda&, const Product<Patches<float>, Dense<float>>&, bool);
template void on_cores<float, true, false>(const Cuda&, const Product<Patches<float>, Dense<float>>&, bool);
template void on_cores<float, false, false>(const Cuda&, const Product<Dense<float>, Patches<float>>&, bool);
template void on_cores<bfloat16, true, true>(const Cuda&, const Product<Patches<bfloat16>, Dense<bfloat16>>&, bool);
template void on_cores<bfloat16, true, false>(const Cuda&, const Product<Patches<bfloat16>, Dense<bfloat16>>&, bool);
template void on_cores<bfloat16, false, false>(const Cuda&, const Product<Dense<bfloat16>, Patches<bfloat16>>&, bool);
}  // namespace mica::products
