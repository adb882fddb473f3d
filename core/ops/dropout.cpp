#include "mica/core/ops/dropout.h"
#include "mica/core/kernels.h"
#include "mica/core/op.h"

namespace mica {
namespace {
void check(const Tensor& x, double p) {
  if (!is_float(x.dtype())) throw Error("x must be a float tensor");
  if (!(p >= 0 && p <= 1)) throw Error("p is " + std::to_string(p) + "; it must be in [0, 1]");
}
}  // namespace
namespace op {
Spec Dropout::out(const Tensor& x) const {
  check(x, p);
  return {x.shape(), x.dtype(), packed_like(x)};
}
Spec Dropout2d::out(const Tensor& x) const {
  check(x, p);
  if (x.rank() < 2) throw Error("x must be [n, c, ...], not " + to_string(x.shape()));
  return {x.shape(), x.dtype()};
}
}  // namespace op

Tensor dropout(const Tensor& x, op::Dropout options) {
  options.random = next_random_call();
  return apply(options, x);
}
Tensor dropout2d(const Tensor& x, op::Dropout2d options) {
  options.random = next_random_call();
  return apply(options, x);
}

}  // namespace mica
