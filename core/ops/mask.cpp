#include "mica/core/ops/mask.h"
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/core/ops/index_select.h"
#include "mica/core/ops/pointwise.h"
#include "mica/core/ops/reduce.h"
#include "mica/core/ops/view.h"

namespace mica {
Spec op::FlatNonzero::out(const Tensor&) const { return {{count}, i64}; }

Tensor flatnonzero(const Tensor& x) {
  NoGrad no_grad;
  const Tensor mask = x.dtype() == boolean ? x : x != 0;
  return apply(op::FlatNonzero{sum(mask).item_i64()}, mask);
}
namespace {
void check_mask(const char* op, const Tensor& x, const Tensor& mask) {
  if (mask && mask.dtype() == boolean) return;
  throw Error(std::string(op) + ": the mask must be bool\n  x:    " + describe(x) + "\n  mask: " + describe(mask));
}
}  // namespace
Tensor masked_select(const Tensor& x, const Tensor& mask) {
  check_mask("masked_select", x, mask);
  Shape shape;
  try { shape = broadcast(x.shape(), mask.shape()); }
  catch (Error& e) { throw Error(std::string("masked_select: ") + e.what() + "\n  x:    " + describe(x) + "\n  mask: " + describe(mask)); }
  return index_select(reshape(expand(x, shape), {-1}), 0, flatnonzero(expand(mask, shape)));
}
Tensor masked_fill(const Tensor& x, const Tensor& mask, Scalar value) {
  check_mask("masked_fill", x, mask);
  if (broadcast(x.shape(), mask.shape()) != x.shape()) throw Error("masked_fill: the mask does not broadcast to x\n  x:    " + describe(x) + "\n  mask: " + describe(mask));
  return where(mask, full({}, value, {x.dtype(), x.device()}), x);
}
}  // namespace mica
