#pragma once
#include <vector>
#include "mica/optim/optimizer.h"
// float16 holds no number below 6e-8: small gradients would become 0. The loss is therefore multiplied before backward, and the gradients, which
// are f32 where they arrive at the parameters, are divided before the step. The factor grows while nothing overflows and shrinks when
// something does (Micikevicius et al. 2018). bf16 has float32's range and needs none of this.
//
//   LossScale scale;
//   scale(loss).backward();
//   scale.step(sgd, rate);        // with clipping, before it: scale.unscale(parameters); clip_grad_norm(parameters, most);
//   sgd.zero_grad();
//
// All of it happens on the device of the loss, the skipping of a step too. The host waits for nothing, so that a step can be recorded (core/capture.h).
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
  LossScale(const LossScale&) = delete;
  LossScale& operator=(const LossScale&) = delete;
  Tensor operator()(const Tensor& loss);              // the loss times the factor, at least f32
  void unscale(const std::vector<Tensor>& parameters);  // divides the gradients; once before a step. Throws Error where they lie on two devices
  // unscale, unless that has been done; a step of the optimizer, unless a gradient is not finite: then parameters and the optimizer's state stay as they
  // are, bit for bit, and the step is not counted; the factor for the next step. Throws Error for parameters on another device.
  void step(Optimizer& optimizer, double rate);

  bool overflowed() const;                            // whether unscale found a gradient that is not finite. The host waits for it
  struct State { double scale; int64_t steps; };      // steps: without overflow, since the factor changed
  State state() const;                                // between steps. The host waits for it
  void restore(State state);                          // also between replays of a recorded step

 private:
  void move(Device device);
  LossScaleOptions options_;
  Tensor control_;                                    // a StepControl (core/ops/update_rules.h): [3] f32
  bool unscaled_ = false;
};

}  // namespace mica
