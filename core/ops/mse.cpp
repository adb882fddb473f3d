#include "mica/core/ops/mse.h"
#include "mica/core/op.h"
#include "mica/core/ops/pointwise.h"

namespace mica {
namespace op {
Spec Mse::out(const Tensor& x, const Tensor& target) const {
  if (!is_float(x.dtype()) || !is_float(target.dtype())) throw Error("x and target must be float tensors");
  if (x.shape() != target.shape()) throw Error("x and target must have one shape: broadcasting would compare what does not belong together");
  return {{}, x.dtype() == f64 || target.dtype() == f64 ? f64 : f32};
}
}  // namespace op

Tensor mse(const Tensor& x, const Tensor& target, op::Mse options) {
  if (options.reduction == Reduction::none && x && target && x.shape() == target.shape()) return square(x - target);
  return apply(options, x, target);
}

}  // namespace mica
