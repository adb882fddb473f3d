#include "mica/core/ops/cross_entropy.h"
#include "mica/core/op.h"
#include "mica/core/ops/class_loss_internal.h"

namespace mica {
Spec class_loss_spec(const Tensor& x, const char* x_name, const Tensor& labels, const Tensor& weight, Reduction reduction) {
  const std::string name = x_name;
  if (!is_float(x.dtype())) throw Error(name + " must be a float tensor");
  if (x.rank() < 2) throw Error(name + " must be [n, classes] or [n, classes, ...], not " + to_string(x.shape()));
  if (labels.dtype() != i64 && labels.dtype() != i32) throw Error(std::string("labels must be class indices in i64 or i32, not ") + name_of(labels.dtype()));
  Shape expected = x.shape();
  expected.erase(1);
  if (labels.shape() != expected) throw Error("labels must be " + to_string(expected) + ", not " + to_string(labels.shape()));
  if (weight && weight.shape() != Shape{x.size(1)}) throw Error("weight must be [" + std::to_string(x.size(1)) + "], one for each class");
  if (weight && !is_float(weight.dtype())) throw Error("weight must be a float tensor");
  return {reduction == Reduction::none ? expected : Shape{}, x.dtype() == f64 ? f64 : f32};
}
namespace op {
Spec CrossEntropy::out(const Tensor& logits, const Tensor& labels, const Tensor& weight) const {
  if (!(label_smoothing >= 0 && label_smoothing <= 1)) throw Error("label_smoothing is " + std::to_string(label_smoothing) + "; it must be in [0, 1]");
  return class_loss_spec(logits, "logits", labels, weight, reduction);
}
}  // namespace op

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& o) {
  return apply(op::CrossEntropy{o.label_smoothing, o.ignore_index, o.reduction}, logits, labels, o.weight);
}

}  // namespace mica
