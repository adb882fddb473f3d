#include "mica/core/ops/slice_update.h"
#include "mica/core/kernels.h"
#include "mica/core/op.h"

namespace mica {
namespace {
// The entries of y that become `update`'s.
Tensor target(const Tensor& y, const Shape& update, int dim, int64_t start) {
  const int d = dim_of(y.shape(), dim);
  Shape shape = y.shape();
  const int64_t n = shape[d], at = start < 0 ? start + n : start;
  const int from_end = y.rank() - d;  // d as update has it
  shape[d] = from_end <= update.rank() ? update[update.rank() - from_end] : 1;
  if (at < 0 || at + shape[d] > n)
    throw Error("entries " + std::to_string(at) + " to " + std::to_string(at + shape[d] - 1) + " are not all in dimension " + std::to_string(d) + " of size " + std::to_string(n));
  return alias(y, shape, y.strides(), y.body().offset + at * y.strides()[d]);
}
}  // namespace
namespace op {
Spec SliceUpdate::out(const Tensor& x, const Tensor& update) const {
  expand_alias(metadata(update), target(metadata(x), update.shape(), dim, start).shape());
  return {x.shape(), x.dtype(), packed_like(x)};
}
void SliceUpdate::forward(const auto& on, const Tensor& x, const Tensor& update, Tensor& y) const {
  copy_kernel(on, x, y);
  const Tensor to = target(y, update.shape(), dim, start);
  copy_kernel(on, expand_alias(update, to.shape()), to);
}
void SliceUpdate::backward(const auto& on, const Tensor&, const Tensor& update, const Tensor&, const Tensor& dy, Tensor& dx, Tensor& dupdate) const {
  if (dx) {
    copy_kernel(on, dy, dx);
    fill_kernel(on, 0, target(dx, update.shape(), dim, start));
  }
  if (!dupdate) return;
  const Tensor g = target(dy, update.shape(), dim, start);
  if (g.shape() == update.shape() && g.dtype() == update.dtype()) { dupdate = g; return; }
  dupdate = empty_like(dupdate);
  sum_into(dupdate, g);
}
}  // namespace op
Tensor slice_update(const Tensor& x, const Tensor& update, int dim, int64_t start) { return apply(op::SliceUpdate{dim, start}, x, update); }
}  // namespace mica
