#include "mica/core/ops/layer_norm.h"
#include "mica/core/op.h"

namespace mica {
namespace op {
Spec LayerNorm::out(const Tensor& x, const Tensor& weight, const Tensor& bias) const {
  if (!is_float(x.dtype())) throw Error("x must be a float tensor");
  if (dims < 1 || dims > x.rank()) throw Error("dims is " + std::to_string(dims) + ", x has " + std::to_string(x.rank()) + " dimensions");
  const Shape sizes(std::span<const int64_t>(x.shape().end() - dims, size_t(dims)));
  const DType wide = x.dtype() == f64 ? f64 : f32;
  auto check = [&](const Tensor& t, const char* what) {
    if (!t) return;
    if (t.shape() != sizes) throw Error(std::string(what) + " must be " + to_string(sizes) + ", the sizes normalised together");
    if (t.dtype() != wide && t.dtype() != x.dtype()) throw Error(std::string(what) + " must be " + name_of(wide) + " beside x in " + name_of(x.dtype()));
  };
  check(weight, "weight");
  check(bias, "bias");
  return {x.shape(), x.dtype()};
}
}  // namespace op

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, op::LayerNorm options) { return apply(options, x, weight, bias); }

}  // namespace mica
