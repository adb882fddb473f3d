#pragma once
#include "mica/core/contract.h"
#include "mica/core/ops/reduction.h"

namespace mica {
namespace op {
struct BceWithLogits {
  Reduction reduction = Reduction::mean;
  static constexpr auto name = "bce_with_logits";
  static constexpr Args<4> inputs{{{"logits", saved | strided}, {"target", saved | strided | no_gradient},
                                   {"weight", saved | strided | optional | no_gradient},
                                   {"pos_weight", saved | strided | optional | no_gradient}}};
  static constexpr Args<1> outputs{{{"loss", strided}}};
  Spec out(const Tensor& logits, const Tensor& target, const Tensor& weight, const Tensor& pos_weight) const;
  void forward(const Cpu&, const Tensor& logits, const Tensor& target, const Tensor& weight, const Tensor& pos_weight, Tensor& loss) const;
  void forward(const Cuda&, const Tensor& logits, const Tensor& target, const Tensor& weight, const Tensor& pos_weight, Tensor& loss) const;
  void backward(const Cpu&, const Tensor& logits, const Tensor& target, const Tensor& weight, const Tensor& pos_weight, const Tensor& loss,
                const Tensor& dloss, Tensor& dlogits, Tensor&, Tensor&, Tensor&) const;
  void backward(const Cuda&, const Tensor& logits, const Tensor& target, const Tensor& weight, const Tensor& pos_weight, const Tensor& loss,
                const Tensor& dloss, Tensor& dlogits, Tensor&, Tensor&, Tensor&) const;
};
}  // namespace op

struct BceOptions {
  Tensor weight = {};      // of each element; broadcasts to logits
  Tensor pos_weight = {};  // of the positive part of each element; broadcasts to logits
  Reduction reduction = Reduction::mean;
};

// Binary cross entropy of sigmoid(logits) against target in [0, 1], in nats, without overflow:
// weight ((1 - t) x + (1 + (pos_weight - 1) t) log(1 + exp(-x))). logits: any float; target: logits' shape, any dtype, no gradient.
// result: the mean (or sum) over all elements, [], f32 (f64 beside f64); or each one, shaped and laid out like logits.
Tensor bce_with_logits(const Tensor& logits, const Tensor& target, const BceOptions& options = {});

}  // namespace mica
