#include "mica/optim/loss_scale.h"
#include <cmath>
#include "mica/core/kernels.h"
#include "mica/core/ops/pointwise.h"
#include "mica/core/recorder.h"
#include "mica/optim/parameter_internal.h"

namespace mica {
namespace {
constexpr int64_t most_steps = 1 << 24;  // float32 counts to there
static_assert(sizeof(StepControl) == 3 * sizeof(float));
StepControl* control_in(const Tensor& t) { return static_cast<StepControl*>(detail::start(t)); }
}  // namespace

LossScale::LossScale(LossScaleOptions o) : options_(o), control_(tensor({o.initial, 0, 0})) {
  using detail::number;
  if (!(float(o.initial) > 0 && std::isfinite(float(o.initial)))) throw Error("LossScale: initial is " + number(o.initial) + "; it must be a positive number");
  if (!(o.growth > 1)) throw Error("LossScale: growth is " + number(o.growth) + "; it must be above 1");
  if (!(o.backoff > 0 && o.backoff < 1)) throw Error("LossScale: backoff is " + number(o.backoff) + "; it must be between 0 and 1");
  if (o.interval < 1) throw Error("LossScale: interval is " + std::to_string(o.interval) + "; it must be at least 1");
  if (o.interval > most_steps) throw Error("LossScale: interval is " + std::to_string(o.interval) + "; it must be at most " + std::to_string(most_steps));
}

void LossScale::move(Device device) {
  if (control_.device() == device) return;
  cannot_record("moves its loss scale to another device");
  control_ = to(control_, device);
}

Tensor LossScale::operator()(const Tensor& loss) {
  if (loss) move(loss.device());
  return loss * control_[0];
}

void LossScale::unscale(const std::vector<Tensor>& parameters) {
  if (unscaled_) throw Error("LossScale: unscale a second time without a step between");
  NoGrad no_grad;
  detail::Updates updates;
  Tensor first;
  for (const Tensor& w : parameters) {
    Tensor g = w.grad();
    if (!g) continue;
    if (!first) first = g;
    if (g.device() != first.device()) throw Error("LossScale: the gradients lie on two devices: " + describe(first) + ", " + describe(g));
    if (!is_packed(g.shape(), g.strides())) { g = clone(g); w.set_grad(g); }
    written(g, "LossScale::unscale", "");
    updates.add(g, g);
  }
  if (first) {
    move(first.device());
    updates.unscale(control_in(control_));
  }
  unscaled_ = true;
}
bool LossScale::overflowed() const { return control_[1].item() != 0; }

void LossScale::step(Optimizer& optimizer, double rate) {
  if (!unscaled_) unscale(optimizer.parameters());
  optimizer.take_step(rate, control_);
  written(control_, "LossScale::step", "");
  std::visit([&](const auto& on) { next_scale_kernel(on, control_in(control_), options_.growth, options_.backoff, float(options_.interval)); }, context(control_.device()));
  unscaled_ = false;
}

LossScale::State LossScale::state() const {
  const auto values = control_.to_vector<float>();
  return {values[0], int64_t(values[2])};
}
void LossScale::restore(State state) {  // in place: a recorded step has its address
  copy(tensor({state.scale, 0, double(state.steps)}), control_);
  unscaled_ = false;
}

}  // namespace mica
