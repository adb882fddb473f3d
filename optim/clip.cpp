#include "mica/optim/clip.h"
#include "mica/core/kernels.h"
#include "mica/core/ops/pointwise.h"
#include "mica/optim/parameter_internal.h"

namespace mica {
namespace {
// coefficients: those of r on the parameters' device, or nothing.
template <class R> void update_gradients(const std::vector<Tensor>& parameters, const R& r, const Tensor& coefficients = {}) {
  detail::Updates updates;
  for (const Tensor& w : parameters) {
    Tensor g = w.grad();
    if (!g) continue;
    if (!is_packed(g.shape(), g.strides())) { g = clone(g); w.set_grad(g); }
    written(g, "clip", "");
    updates.add(g, g);
  }
  if (coefficients) updates.apply_varying<R>(detail::start(coefficients)); else updates.apply(r);
}
}  // namespace

Tensor grad_norm(const std::vector<Tensor>& parameters) {
  NoGrad no_grad;
  Tensor total;
  for (const Tensor& w : parameters) if (const Tensor g = w.grad()) {
    const Tensor sum = empty({}, {g.dtype() == f64 ? f64 : f32, g.device()});
    sum_into(sum, square(g));
    total = total ? total + to(cast(sum, f64), total.device()) : cast(sum, f64);
  }
  return total ? sqrt(total) : full({}, 0, {f64});
}
Tensor clip_grad_norm(const std::vector<Tensor>& parameters, double most) {
  NoGrad no_grad;
  const Tensor norm = grad_norm(parameters);
  const Tensor factor = minimum(most / (norm + 1e-6), full({}, 1, {f64, norm.device()}));  // as PyTorch: a norm of 0 divides by something
  if (norm.device() == cpu) {
    if (const double value = factor.item(); value != 1) update_gradients(parameters, rule::Scale{value});
  } else {
    static_assert(sizeof(rule::Scale) == sizeof(double));
    update_gradients(parameters, rule::Scale{1}, factor);
  }
  return norm;
}
void clip_grad_value(const std::vector<Tensor>& parameters, double most) { update_gradients(parameters, rule::Limit{most}); }

Ema::Ema(std::vector<Tensor> parameters, double decay) : parameters_(std::move(parameters)), decay_(decay) {
  if (!(decay >= 0 && decay <= 1)) throw Error("Ema: decay is " + detail::number(decay) + "; it must be in [0, 1]");
  for (const Tensor& w : parameters_) {
    detail::check_parameter("Ema", averages_.size(), w);
    averages_.push_back(clone(w));
  }
}
void Ema::update() {
  detail::Updates updates;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    detail::follow(averages_[i], parameters_[i]);
    written(averages_[i], "Ema::update", "");
    updates.add(averages_[i], parameters_[i]);
  }
  updates.apply(rule::Average{decay_});
}
void Ema::swap() {
  NoGrad no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor kept = clone(parameters_[i]);
    copy(averages_[i], parameters_[i]);
    copy(kept, averages_[i]);
  }
}

}  // namespace mica
