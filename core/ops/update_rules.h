#pragma once
#include <span>
#include "mica/core/contract.h"
#include "mica/core/math.h"
// The update rules of optim/ as formulas of one element: what both backends build their multi-tensor kernels from. A rule changes the
// parameter w and its state s[0..2] by the gradient g. Coefficients that change with the step are computed on the host, in double.
namespace mica::rule {

// g + decay w + l1 sign(w): the L2 and L1 penalties as gradients.
template <class T> MICA_FORMULA T penalised(T g, T w, double decay, double l1) {
  return g + T(decay) * w + T(l1) * math::select(w > T(0), T(1), math::select(w < T(0), T(-1), T(0)));
}

struct Sgd {  // Sutskever et al. 2013, as PyTorch writes it: s0 = momentum s0 + gain g; w -= rate (nesterov ? g + momentum s0 : s0)
  static constexpr int states = 1;
  double rate, sign, decay, l1, momentum, gain, fresh, carried;  // the step is fresh g + carried s0
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
  double rate, sign, decay, l1, eps;
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
struct Adam {  // Kingma and Ba 2015; decoupled decay: Loshchilov and Hutter 2019. s0: mean, s1: mean of squares
  static constexpr int states = 2;
  double rate, sign, decay, l1, beta1, beta2, eps, keep, root;  // rate: by bias correction; keep: 1 - rate decay where decoupled; root: 1 / sqrt(1 - beta2^t)
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
  double rate, sign, decay, l1, beta1, beta2, eps, keep, root;
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
struct Limit {  // clipping by value: w is the gradient
  static constexpr int states = 0;
  double most;
  template <class T> MICA_FORMULA void operator()(T& w, T, T*) const { w = math::select(w > T(most), T(most), math::select(w < T(-most), T(-most), w)); }
};

template <class... R> struct List { static constexpr int size = sizeof...(R); };
using All = List<Sgd, PlainSgd, AdaGrad, RmsProp, RmsPropMomentum, Adam, AmsGrad, Average, Scale, Limit>;
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
}  // namespace mica::rule

namespace mica {

// Applies the rule to all parts in one pass over memory.
void update_kernel(const Cpu&, int rule, const void* coefficients, std::span<const rule::Part> parts);
void update_kernel(const Cuda&, int rule, const void* coefficients, std::span<const rule::Part> parts);
// The same with coefficients that lie on the device, and may have been computed there.
void update_kernel_varying(const Cuda&, int rule, const void* coefficients, std::span<const rule::Part> parts);
template <class R> void update(Device device, const R& r, std::span<const rule::Part> parts) {
  std::visit([&](const auto& on) { update_kernel(on, rule::index_in<R>(rule::All{}), &r, parts); }, context(device));
}

template <class R> void update_varying([[maybe_unused]] Device device, [[maybe_unused]] const void* coefficients, [[maybe_unused]] std::span<const rule::Part> parts) {
#if MICA_HAS_CUDA
  update_kernel_varying(cuda_context(device.index), rule::index_in<R>(rule::All{}), coefficients, parts);
#endif
}

}  // namespace mica
