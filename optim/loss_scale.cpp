#include "mica/optim/loss_scale.h"
#include <cmath>
#include "mica/core/kernels.h"
#include "mica/core/ops/pointwise.h"
#include "mica/optim/parameter_internal.h"

namespace mica {

LossScale::LossScale(LossScaleOptions o) : options_(o), state_{o.initial, 0} {
  using detail::number;
  if (!(o.initial > 0 && std::isfinite(o.initial))) throw Error("LossScale: initial is " + number(o.initial) + "; it must be a positive number");
  if (!(o.growth > 1)) throw Error("LossScale: growth is " + number(o.growth) + "; it must be above 1");
  if (!(o.backoff > 0 && o.backoff < 1)) throw Error("LossScale: backoff is " + number(o.backoff) + "; it must be between 0 and 1");
  if (o.interval < 1) throw Error("LossScale: interval is " + std::to_string(o.interval) + "; it must be at least 1");
}

Tensor LossScale::operator()(const Tensor& loss) const { return loss * state_.scale; }

void LossScale::unscale(const std::vector<Tensor>& parameters) {
  if (sum_) throw Error("LossScale: unscale a second time without a step between");
  NoGrad no_grad;
  detail::Updates updates;
  for (const Tensor& w : parameters) {
    Tensor g = w.grad();
    if (!g) continue;
    const Tensor sum = empty({}, {g.dtype(), g.device()});
    sum_into(sum, g);
    if (sum_) add_into(sum_, sum); else sum_ = sum;
    if (!is_packed(g.shape(), g.strides())) { g = clone(g); w.set_grad(g); }
    written(g, "LossScale::unscale", "");
    updates.add(g, g);
  }
  updates.apply(rule::Scale{1 / state_.scale});
}
bool LossScale::overflowed() const { return sum_ && !std::isfinite(sum_.item()); }

void LossScale::step(Optimizer& optimizer, double rate) {
  if (!sum_) unscale(optimizer.parameters());
  if (overflowed()) {
    state_ = {state_.scale * options_.backoff, 0};
  } else {
    optimizer.step(rate);
    if (++state_.steps == options_.interval) state_ = {state_.scale * options_.growth, 0};
  }
  sum_ = {};
}

}  // namespace mica
