#include "mica/core/ops/cumsum.h"
#include "mica/core/op.h"

namespace mica {
namespace op {
Spec Cumsum::out(const Tensor& x) const {
  if (x.rank() == 0) throw Error("x has no dimension");
  dim_of(x.shape(), dim);
  return {x.shape(), is_float(x.dtype()) ? x.dtype() : i64};
}
void Cumsum::forward(const auto& on, const Tensor& x, Tensor& y) const { cumsum_kernel(on, x, y, dim_of(x.shape(), dim), false); }
void Cumsum::backward(const auto& on, const Tensor& x, const Tensor&, const Tensor& dy, Tensor& dx) const {
  cumsum_kernel(on, dy, dx, dim_of(x.shape(), dim), true);
}
}  // namespace op
Tensor cumsum(const Tensor& x, int dim) { return apply(op::Cumsum{dim}, x); }
}  // namespace mica
