#pragma once
#include <vector>
#include "mica/core/tensor.h"

namespace mica {

// The 2-norm of all gradients as one vector: [], f64, on their device.
Tensor grad_norm(const std::vector<Tensor>& parameters);
// Scales all gradients so that their common 2-norm is at most `most`; returns the norm before, for which the host does not wait. A norm that is not finite is
// no error: a loss scale leaves such a step out. Without one the gradients become NaN (or 0, where finite ones have an infinite norm).
Tensor clip_grad_norm(const std::vector<Tensor>& parameters, double most);
// Cuts every element of every gradient to [-most, most].
void clip_grad_value(const std::vector<Tensor>& parameters, double most);

// An exponential moving average of parameters: average = decay average + (1 - decay) parameter at each update.
class Ema {
 public:
  Ema(std::vector<Tensor> parameters, double decay);
  void update();
  void swap();                                    // parameters and averages exchange their values: evaluate, then swap back
  const std::vector<Tensor>& averages() const { return averages_; }
 private:
  std::vector<Tensor> parameters_, averages_;
  double decay_;
};

}  // namespace mica
