#pragma once
#include "mica/core/contract.h"
#include "mica/core/ops/pair.h"

namespace mica {
namespace op {
struct MaxPool2d {
  Pair window = 2, stride = 0;  // stride 0: the window's
  Pair padding = 0, dilation = 1;
  bool ceil = false;            // also a last window that is only partly inside
  static constexpr auto name = "max_pool2d";
  static constexpr Args<1> inputs{{{"x", channels_last}}}, outputs{{{"y", channels_last}}};
  struct State {
    Tensor indices;  // [n, h, w, c] of y: the number of the tap that was largest, row * window.w + column; u8, or i32 if the window has over 256
    Tensor x, y;     // where a library that keeps no indices computed y: both
  };
  Spec out(const Tensor& x) const;
  Work work(const Tensor& x, const Tensor& y) const;
  void forward(const Cpu&, const Tensor& x, Tensor& y, State& state) const;
  void forward(const Cuda&, const Tensor& x, Tensor& y, State& state) const;
  void backward(const Cpu&, const Tensor& x, const Tensor& y, const State& state, const Tensor& dy, Tensor& dx) const;
  void backward(const Cuda&, const Tensor& x, const Tensor& y, const State& state, const Tensor& dy, Tensor& dx) const;
};
struct AdaptiveMaxPool2d {
  Pair size = 1;
  static constexpr auto name = "adaptive_max_pool2d";
  static constexpr Args<1> inputs{{{"x", channels_last}}}, outputs{{{"y", channels_last}}};
  using State = MaxPool2d::State;
  Spec out(const Tensor& x) const;
  Work work(const Tensor& x, const Tensor& y) const;
  void forward(const Cpu&, const Tensor& x, Tensor& y, State& state) const;
  void forward(const Cuda&, const Tensor& x, Tensor& y, State& state) const;
  void backward(const Cpu&, const Tensor& x, const Tensor& y, const State& state, const Tensor& dy, Tensor& dx) const;
  void backward(const Cuda&, const Tensor& x, const Tensor& y, const State& state, const Tensor& dy, Tensor& dx) const;
};
}  // namespace op

// The largest value of each window; NaN wins; of equal values the first gets the gradient. x: float [n, c, h, w] -> [n, c, h', w'] with
// h' = floor((h + 2 padding - dilation (window - 1) - 1) / stride) + 1. max_pool2d(x, {.window = 3, .stride = 2, .padding = 1})
// Throws Error if the padding is more than half the window, or the window does not fit.
Tensor max_pool2d(const Tensor& x, op::MaxPool2d options = {});

// The largest value of each of size.h x size.w windows that cover x: window i begins at floor(i h / size.h) and ends before ceil((i + 1) h / size.h).
Tensor adaptive_max_pool2d(const Tensor& x, Pair size);

}  // namespace mica
