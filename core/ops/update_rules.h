#pragma once
#include <span>
#include "mica/core/contract.h"
#include "mica/core/math.h"
// The update rules of optim/ as formulas of one element: what both backends build their multi-tensor kernels from. A rule changes the
// parameter w and its state s[0..2] by the gradient g. at(n) makes a rule's coefficients those of step n: 1, 2, ... It runs where the count of steps is.
namespace mica::rule {

// g + decay w + l1 sign(w): the L2 and L1 penalties as gradients.
template <class T> MICA_FORMULA T penalised(T g, T w, double decay, double l1) {
  return g + T(decay) * w + T(l1) * math::select(w > T(0), T(1), math::select(w < T(0), T(-1), T(0)));
}

struct Sgd {  // Sutskever et al. 2013, as PyTorch writes it: s0 = momentum s0 + gain g; w -= rate (nesterov ? g + momentum s0 : s0)
  static constexpr int states = 1;
  double rate, sign, decay, l1, momentum, gain, fresh, carried;  // the step is fresh g + carried s0
  MICA_FORMULA void at(double step) { if (step == 1) gain = 1; }  // the first one takes the gradient whole
  template <class T> MICA_FORMULA void operator()(T& w, T g, T* s) const {
    g = penalised(T(sign) * g, w, decay, l1);
    s[0] = T(momentum) * s[0] + T(gain) * g;
    w = w - T(rate) * (T(fresh) * g + T(carried) * s[0]);
  }
};
struct PlainSgd {
  static constexpr int states = 0;
  double rate, sign, decay, l1;
  template <class T> MICA_FORMULA void operator()(T& w, T g, T*) const { w = w - T(rate) * penalised(T(sign) * g, w, decay, l1); }
};
struct AdaGrad {  // Duchi, Hazan, Singer 2011
  static constexpr int states = 1;
  double rate, sign, decay, l1, eps, rate_decay = 0;
  MICA_FORMULA void at(double step) { rate = rate / (1 + (step - 1) * rate_decay); }
  template <class T> MICA_FORMULA void operator()(T& w, T g, T* s) const {
    g = penalised(T(sign) * g, w, decay, l1);
    s[0] = s[0] + g * g;
    w = w - T(rate) * g / (math::sqrt(s[0]) + T(eps));
  }
};
struct RmsProp {  // Tieleman and Hinton 2012
  static constexpr int states = 1;
  double rate, sign, decay, l1, alpha, eps;
  template <class T> MICA_FORMULA void operator()(T& w, T g, T* s) const {
    g = penalised(T(sign) * g, w, decay, l1);
    s[0] = T(alpha) * s[0] + T(1 - alpha) * g * g;
    w = w - T(rate) * g / (math::sqrt(s[0]) + T(eps));
  }
};
struct RmsPropMomentum {  // with momentum, and centred (Graves 2013). s0: mean of squares, s1: momentum, s2: mean
  static constexpr int states = 3;
  double rate, sign, decay, l1, alpha, eps, momentum, centred;
  template <class T> MICA_FORMULA void operator()(T& w, T g, T* s) const {
    g = penalised(T(sign) * g, w, decay, l1);
    s[0] = T(alpha) * s[0] + T(1 - alpha) * g * g;
    s[2] = s[2] + T(1 - alpha) * (g - s[2]);
    s[1] = T(momentum) * s[1] + g / (math::sqrt(s[0] - T(centred) * s[2] * s[2]) + T(eps));
    w = w - T(rate) * s[1];
  }
};
MICA_FORMULA void correct_bias(double step, double beta1, double beta2, double& rate, double& root) {
  rate = rate / (1 - math::pow(beta1, step));
  root = 1 / math::sqrt(1 - math::pow(beta2, step));
}
struct Adam {  // Kingma and Ba 2015; decoupled decay: Loshchilov and Hutter 2019. s0: mean, s1: mean of squares
  static constexpr int states = 2;
  double rate, sign, decay, l1, beta1, beta2, eps, keep, root = 1;  // keep: 1 - rate decay where decoupled; root: 1 / sqrt(1 - beta2^step)
  MICA_FORMULA void at(double step) { correct_bias(step, beta1, beta2, rate, root); }
  template <class T> MICA_FORMULA void operator()(T& w, T g, T* s) const {
    g = penalised(T(sign) * g, w, decay, l1);
    w = T(keep) * w;
    s[0] = s[0] + T(1 - beta1) * (g - s[0]);
    s[1] = T(beta2) * s[1] + T(1 - beta2) * g * g;
    w = w - T(rate) * s[0] / (math::sqrt(s[1]) * T(root) + T(eps));
  }
};
struct AmsGrad {  // Reddi, Kale, Kumar 2018: the largest mean of squares so far, s2, in place of the last
  static constexpr int states = 3;
  double rate, sign, decay, l1, beta1, beta2, eps, keep, root = 1;
  MICA_FORMULA void at(double step) { correct_bias(step, beta1, beta2, rate, root); }
  template <class T> MICA_FORMULA void operator()(T& w, T g, T* s) const {
    g = penalised(T(sign) * g, w, decay, l1);
    w = T(keep) * w;
    s[0] = s[0] + T(1 - beta1) * (g - s[0]);
    s[1] = T(beta2) * s[1] + T(1 - beta2) * g * g;
    s[2] = math::select(s[2] < s[1], s[1], s[2]);
    w = w - T(rate) * s[0] / (math::sqrt(s[2]) * T(root) + T(eps));
  }
};
struct Average {  // of weights: w becomes decay w + (1 - decay) g
  static constexpr int states = 0;
  double decay;
  template <class T> MICA_FORMULA void operator()(T& w, T g, T*) const { w = w + T(1 - decay) * (g - w); }
};
struct Scale {  // of gradients, by clipping: w is the gradient, and so is g
  static constexpr int states = 0;
  double factor;
  template <class T> MICA_FORMULA void operator()(T& w, T, T*) const { w = T(factor) * w; }
};
struct Unscale {  // of gradients, by the scale of the loss: w is the gradient
  static constexpr int states = 0;
  float scale;
  template <class T> MICA_FORMULA void operator()(T& w, T, T*) const { w = w / T(scale); }
};
struct Limit {  // clipping by value: w is the gradient
  static constexpr int states = 0;
  double most;
  template <class T> MICA_FORMULA void operator()(T& w, T, T*) const { w = math::select(w > T(most), T(most), math::select(w < T(-most), T(-most), w)); }
};

template <class... R> struct List { static constexpr int size = sizeof...(R); };
using All = List<Sgd, PlainSgd, AdaGrad, RmsProp, RmsPropMomentum, Adam, AmsGrad, Average, Scale, Unscale, Limit>;
template <class R, class... Q> constexpr int index_in(List<Q...>) {
  int i = 0, at = -1;
  ((std::is_same_v<R, Q> ? void(at = i) : void(), ++i), ...);
  return at;
}

// One tensor's share of an update: n elements, in the same order in memory. f32 or f64. Where there is a shadow (core/shadow.h), the kernel
// writes w, rounded to shadow_dtype, there too, in the same pass.
struct Part {
  DType dtype;
  int64_t n;
  void* w;
  const void* g;
  void* s[3];
  void* shadow = nullptr;
  DType shadow_dtype = bf16;
};

// The rule's coefficients for the next step, which is counted.
template <class R> MICA_FORMULA void next_step(R& rule, int64_t& count) {
  ++count;
  if constexpr (requires { rule.at(1.0); }) rule.at(double(count));
}
}  // namespace mica::rule

namespace mica {

// What decides a step under a loss scale (optim/loss_scale.h): three numbers on the parameters' device, which the host does not read to go on.
struct StepControl {
  float scale;       // of the loss, and so of its gradients
  float overflowed;  // not 0 where a gradient is not finite: the step then changes nothing
  float steps;       // without overflow, since the scale changed
  // After a step: the scale of the next one, by the rule of PyTorch's GradScaler. It does not grow to infinity.
  MICA_FORMULA void next(double growth, double backoff, float interval) {
    if (overflowed != 0) {
      scale = float(scale * backoff);
      steps = 0;
    } else if (++steps >= interval) {
      const float grown = float(scale * growth);
      if (grown < HUGE_VALF) scale = grown;
      steps = 0;
    }
    overflowed = 0;
  }
};
// What lies on the parameters' device when an optimizer takes a step.
struct StepMemory {
  int64_t* count;                       // of steps, which goes up by one
  const StepControl* control = nullptr; // with a loss scale: where overflowed is set, nothing changes, nor does count
  const void* coefficients = nullptr;   // in a recorded step: in place of those that the host gives
};

// Applies the rule to all parts in one pass over memory.
void update_kernel(const Cpu&, int rule, const void* coefficients, std::span<const rule::Part> parts);
void update_kernel(const Cuda&, int rule, const void* coefficients, std::span<const rule::Part> parts);
// The same with coefficients that lie on the device, and may have been computed there.
void update_kernel_varying(const Cuda&, int rule, const void* coefficients, std::span<const rule::Part> parts);
// The next step: the rule's coefficients become those of that step, and it is applied to all parts.
void step_kernel(const Cpu&, int rule, const void* coefficients, const StepMemory& memory, std::span<const rule::Part> parts);
void step_kernel(const Cuda&, int rule, const void* coefficients, const StepMemory& memory, std::span<const rule::Part> parts);
// Divides gradients, the parts' w, by control's scale, and sets its overflowed where a result is not finite.
void unscale_kernel(const Cpu&, StepControl* control, std::span<const rule::Part> parts);
void unscale_kernel(const Cuda&, StepControl* control, std::span<const rule::Part> parts);
void next_scale_kernel(const Cpu&, StepControl* control, double growth, double backoff, float interval);  // control->next(...)
void next_scale_kernel(const Cuda&, StepControl* control, double growth, double backoff, float interval);
template <class R> void update(Device device, const R& r, std::span<const rule::Part> parts) {
  std::visit([&](const auto& on) { update_kernel(on, rule::index_in<R>(rule::All{}), &r, parts); }, context(device));
}
template <class R> void step_parts(Device device, const R& r, const StepMemory& memory, std::span<const rule::Part> parts) {
  std::visit([&](const auto& on) { step_kernel(on, rule::index_in<R>(rule::All{}), &r, memory, parts); }, context(device));
}

template <class R> void update_varying([[maybe_unused]] Device device, [[maybe_unused]] const void* coefficients, [[maybe_unused]] std::span<const rule::Part> parts) {
#if MICA_HAS_CUDA
  update_kernel_varying(cuda_context(device.index), rule::index_in<R>(rule::All{}), coefficients, parts);
#endif
}

}  // namespace mica
