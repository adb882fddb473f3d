#pragma once
#include "mica/core/contract.h"
#include "mica/core/ops/reduction.h"

namespace mica {
namespace op {
struct Mse {
  Reduction reduction = Reduction::mean;  // mean or sum: mse() composes the third of pointwise ops
  static constexpr auto name = "mse";
  static constexpr Args<2> inputs{{{"x", saved | strided}, {"target", saved | strided}}};
  static constexpr Args<1> outputs{{{"loss"}}};
  Spec out(const Tensor& x, const Tensor& target) const;
  void forward(const Cpu&, const Tensor& x, const Tensor& target, Tensor& loss) const;
  void forward(const Cuda&, const Tensor& x, const Tensor& target, Tensor& loss) const;
  void backward(const Cpu&, const Tensor& x, const Tensor& target, const Tensor& loss, const Tensor& dloss, Tensor& dx,
                Tensor& dtarget) const;
  void backward(const Cuda&, const Tensor& x, const Tensor& target, const Tensor& loss, const Tensor& dloss, Tensor& dx,
                Tensor& dtarget) const;
};
}  // namespace op

// The squared differences of x and target, equal-shaped floats: their mean (or sum) over all elements, [] in f32 (f64 beside f64); or each
// one, shaped like x, in the dtype of x - target. Both have gradients: dx = 2 (x - target) / n = -dtarget. The mean of no elements is NaN.
Tensor mse(const Tensor& x, const Tensor& target, op::Mse options = {});

}  // namespace mica
