#include "mica/core/ops/bce_with_logits.h"
#include "mica/core/kernels.h"
#include "mica/core/op.h"

namespace mica {
namespace op {
Spec BceWithLogits::out(const Tensor& logits, const Tensor& target, const Tensor& weight, const Tensor& pos_weight) const {
  if (!is_float(logits.dtype())) throw Error("logits must be a float tensor");
  if (target.shape() != logits.shape()) throw Error("target must have the shape of logits");
  auto check = [&](const Tensor& t, const char* what) {
    if (t && broadcast(t.shape(), logits.shape()) != logits.shape()) throw Error(std::string(what) + " does not broadcast to the shape of logits");
  };
  check(weight, "weight");
  check(pos_weight, "pos_weight");
  const DType t = logits.dtype() == f64 ? f64 : f32;
  if (reduction != Reduction::none) return {{}, t};
  return {logits.shape(), t, packed_like(logits)};
}
}  // namespace op

Tensor bce_with_logits(const Tensor& logits, const Tensor& target, const BceOptions& o) {
  return apply(op::BceWithLogits{o.reduction}, logits, target, o.weight, o.pos_weight);
}

}  // namespace mica
