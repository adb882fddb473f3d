#pragma once
#include "mica/core/contract.h"
#include "mica/core/ops/reduction.h"

namespace mica {
namespace op {
struct CrossEntropy {
  double label_smoothing = 0;
  int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;
  static constexpr auto name = "cross_entropy";
  static constexpr Args<3> inputs{{{"logits", saved | channels_last}, {"labels", saved | no_gradient},
                                   {"weight", saved | optional | no_gradient}}};
  static constexpr Args<1> outputs{{{"loss"}}};
  struct State { Tensor log_sum_exp, weight_sum; };  // of each row; what a mean was divided by
  Spec out(const Tensor& logits, const Tensor& labels, const Tensor& weight) const;
  void forward(const Cpu&, const Tensor& logits, const Tensor& labels, const Tensor& weight, Tensor& loss, State& state) const;
  void forward(const Cuda&, const Tensor& logits, const Tensor& labels, const Tensor& weight, Tensor& loss, State& state) const;
  void backward(const Cpu&, const Tensor& logits, const Tensor& labels, const Tensor& weight, const Tensor& loss, const State& state,
                const Tensor& dloss, Tensor& dlogits, Tensor&, Tensor&) const;
  void backward(const Cuda&, const Tensor& logits, const Tensor& labels, const Tensor& weight, const Tensor& loss, const State& state,
                const Tensor& dloss, Tensor& dlogits, Tensor&, Tensor&) const;
};
}  // namespace op

struct CrossEntropyOptions {
  Tensor weight = {};               // of each class, [classes]
  double label_smoothing = 0;       // in [0, 1]: this part of the target is spread evenly over the classes
  int64_t ignore_index = -100;      // labels of this value do not count
  Reduction reduction = Reduction::mean;
};

// Cross entropy of softmax(logits) against class indices, in nats. logits: [n, classes] or [n, classes, ...], any float; labels: [n] or [n,
// ...], i32 or i64 in [0, classes). Element l has the loss weight[l] (log sum exp - logits[l]). result: [], f32 (f64 beside f64): the mean
// over the weights of the labels, or the sum; or each loss, as labels. Nothing to average (no labels, all ignored) gives NaN. Throws Error
// that names the label and the range. dlogits = weight[label] (softmax(logits) - onehot(labels)) / sum of the weights.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& options = {});

}  // namespace mica
