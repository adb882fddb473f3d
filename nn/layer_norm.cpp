#include "mica/nn/layer_norm.h"
#include "mica/core/ops/layer_norm.h"

namespace mica {

LayerNorm::LayerNorm(const Shape& shape, LayerNormOptions options) : dims(shape.rank()), eps(options.eps) {
  if (!options.affine) return;
  weight = ones(shape).set_requires_grad();
  bias = zeros(shape).set_requires_grad();
}
Tensor LayerNorm::operator()(const Tensor& x) const { return layer_norm(x, weight, bias, {.dims = dims, .eps = eps}); }

}  // namespace mica
