#include "mica/core/ops/nll.h"
#include "mica/core/op.h"
#include "mica/core/ops/class_loss_internal.h"

namespace mica {
namespace op {
Spec Nll::out(const Tensor& log_probabilities, const Tensor& labels, const Tensor& weight) const {
  return class_loss_spec(log_probabilities, "log_probabilities", labels, weight, reduction);
}
}  // namespace op

Tensor nll(const Tensor& log_probabilities, const Tensor& labels, const NllOptions& o) {
  return apply(op::Nll{o.ignore_index, o.reduction}, log_probabilities, labels, o.weight);
}

}  // namespace mica
