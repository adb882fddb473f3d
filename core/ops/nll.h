#pragma once
#include "mica/core/contract.h"
#include "mica/core/ops/reduction.h"

namespace mica {
namespace op {
struct Nll {
  int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;
  static constexpr auto name = "nll";
  static constexpr Args<3> inputs{{{"log_probabilities", channels_last}, {"labels", saved | no_gradient},
                                   {"weight", saved | optional | no_gradient}}};
  static constexpr Args<1> outputs{{{"loss"}}};
  struct State { Tensor weight_sum; };  // what a mean was divided by
  Spec out(const Tensor& log_probabilities, const Tensor& labels, const Tensor& weight) const;
  void forward(const Cpu&, const Tensor& log_probabilities, const Tensor& labels, const Tensor& weight, Tensor& loss, State& state) const;
  void forward(const Cuda&, const Tensor& log_probabilities, const Tensor& labels, const Tensor& weight, Tensor& loss, State& state) const;
  void backward(const Cpu&, const Tensor& log_probabilities, const Tensor& labels, const Tensor& weight, const Tensor& loss,
                const State& state, const Tensor& dloss, Tensor& dlog_probabilities, Tensor&, Tensor&) const;
  void backward(const Cuda&, const Tensor& log_probabilities, const Tensor& labels, const Tensor& weight, const Tensor& loss,
                const State& state, const Tensor& dloss, Tensor& dlog_probabilities, Tensor&, Tensor&) const;
};
}  // namespace op

struct NllOptions {
  Tensor weight = {};            // of each class, [classes]
  int64_t ignore_index = -100;   // labels of this value do not count
  Reduction reduction = Reduction::mean;
};

// Negative log-likelihood: -weight[l] log_probabilities[l] for label l; shapes, dtypes, mean and errors as in cross_entropy, which is
// nll(log_softmax(logits), labels) in one pass.
Tensor nll(const Tensor& log_probabilities, const Tensor& labels, const NllOptions& options = {});

}  // namespace mica
