#include "mica/cuda/product_tensor.h"
// Convolutions on tensor cores: forward, data gradient, weight gradient.
namespace mica::products {
template void on_tensor_cores<float16, true, true>(const Cuda&, const Product<Patches<float16>, Dense<float16>>&, bool);
template void on_tensor_cores<float16, true, false>(const Cuda&, const Product<Patches<float16>, Dense<float16>>&, bool);
template void on_tensor_cores<float16, false, false>(const Cuda&, const Product<Dense<float16>, Patches<float16>>&, bool);
template void on_tensor_cores<bfloat16, true, true>(const Cuda&, const Product<Patches<bfloat16>, Dense<bfloat16>>&, bool);
template void on_tensor_cores<bfloat16, true, false>(const Cuda&, const Product<Patches<bfloat16>, Dense<bfloat16>>&, bool);
template void on_tensor_cores<bfloat16, false, false>(const Cuda&, const Product<Dense<bfloat16>, Patches<bfloat16>>&, bool);
}  // namespace mica::products
