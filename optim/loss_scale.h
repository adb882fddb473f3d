#pragma once
#include <vector>
#include "mica/optim/optimizer.h"
// float16 holds no number below 6e-8: small gradients would become 0. The loss is therefore multiplied before backward, and the gradients, which
// are f32 where they arrive at the parameters, are divided before the step. The factor grows while nothing overflows and shrinks when
// something does (Micikevicius et al. 2018). bf16 has float32's range and needs none of this.
//
//   LossScale scale;
//   scale(loss).backward();
//   scale.step(sgd, rate);        // with clipping, before it: scale.unscale(parameters); if (!scale.overflowed()) clip_grad_norm(...)
//   sgd.zero_grad();
namespace mica {

struct LossScaleOptions {
  double initial = 65536;   // these are the defaults of PyTorch's GradScaler
  double growth = 2;        // factor after `interval` steps without overflow
  double backoff = 0.5;     // factor after an overflow
  int64_t interval = 2000;
};

class LossScale {
 public:
  explicit LossScale(LossScaleOptions options = {});  // throws Error for factors that do not grow and shrink
  Tensor operator()(const Tensor& loss) const;        // the loss times the factor
  void unscale(const std::vector<Tensor>& parameters);  // divides the gradients; once before a step
  bool overflowed() const;                            // whether unscale found a gradient that is not finite
  // unscale, unless that has been done; a step of the optimizer, unless a gradient is not finite; the factor for the next step.
  void step(Optimizer& optimizer, double rate);

  struct State { double scale; int64_t steps; };      // steps: without overflow, since the factor changed
  State state() const { return state_; }
  void restore(State state) { state_ = state; }

 private:
  LossScaleOptions options_;
  State state_;
  Tensor sum_;                                        // of all gradients: finite if each is. It stays on their device until overflowed() reads it
};

}  // namespace mica
