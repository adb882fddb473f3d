#include "mica/core/ops/avg_pool2d.h"
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/core/ops/formulas.h"
#include "mica/core/ops/pool_internal.h"

namespace mica {
namespace op {
Spec AvgPool2d::out(const Tensor& x) const { return {pooled(x, window, stride, padding, 1, ceil), x.dtype()}; }
Spec AdaptiveAvgPool2d::out(const Tensor& x) const { return {pooled(x, size), x.dtype()}; }
Work AvgPool2d::work(const Tensor&, const Tensor&) const { return pool_work(window, stride, 1); }
Work AdaptiveAvgPool2d::work(const Tensor& x, const Tensor&) const { return adaptive_pool_work(x, size); }
Work GlobalAvgPool2d::work(const Tensor&, const Tensor&) const { return {0, {0, 0}}; }

Spec GlobalAvgPool2d::out(const Tensor& x) const {
  const Shape y = pooled(x, Pair(1));
  return {{y[0], y[1]}, x.dtype()};
}
void GlobalAvgPool2d::forward(const auto& on, const Tensor& x, Tensor& y) const {
  const Tensor total = empty(y.shape(), {x.dtype() == f64 ? f64 : f32, x.device()});  // f16 holds no sum beyond 65504
  sum_kernel(on, x, alias(total, {y.shape()[0], y.shape()[1], 1, 1}, {y.shape()[1], 1, 1, 1}, 0));
  const Tensor count = expand_alias(full({}, double(x.shape()[2] * x.shape()[3]), {total.dtype(), x.device()}), y.shape());
  pointwise_kernel(on, Value<op::Divide>{}, {&total, &count}, y);
}
}  // namespace op
Tensor avg_pool2d(const Tensor& x, op::AvgPool2d options) { return apply(options, x); }
Tensor adaptive_avg_pool2d(const Tensor& x, Pair size) { return apply(op::AdaptiveAvgPool2d{size}, x); }
Tensor global_avg_pool2d(const Tensor& x) { return apply(op::GlobalAvgPool2d{}, x); }
}  // namespace mica
