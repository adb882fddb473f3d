#pragma once
#include "mica/core/contract.h"
#include "mica/core/ops/pair.h"

namespace mica {
namespace op {
struct AvgPool2d {
  Pair window = 2, stride = 0;  // stride 0: the window's
  Pair padding = 0;
  bool ceil = false;            // also a last window that is only partly inside
  bool count_padding = true;    // whether the mean is over padded zeros too
  static constexpr auto name = "avg_pool2d";
  static constexpr Args<1> inputs{{{"x", channels_last}}}, outputs{{{"y", channels_last}}};
  Spec out(const Tensor& x) const;
  Work work(const Tensor& x, const Tensor& y) const;
  void forward(const Cpu&, const Tensor& x, Tensor& y) const;
  void forward(const Cuda&, const Tensor& x, Tensor& y) const;
  void backward(const Cpu&, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const;
  void backward(const Cuda&, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const;
};
struct AdaptiveAvgPool2d {
  Pair size = 1;
  static constexpr auto name = "adaptive_avg_pool2d";
  static constexpr Args<1> inputs{{{"x", channels_last}}}, outputs{{{"y", channels_last}}};
  Spec out(const Tensor& x) const;
  Work work(const Tensor& x, const Tensor& y) const;
  void forward(const Cpu&, const Tensor& x, Tensor& y) const;
  void forward(const Cuda&, const Tensor& x, Tensor& y) const;
  void backward(const Cpu&, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const;
  void backward(const Cuda&, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const;
};
struct GlobalAvgPool2d {
  static constexpr auto name = "global_avg_pool2d";
  static constexpr Args<1> inputs{{{"x", channels_last}}}, outputs{{{"y"}}};
  Spec out(const Tensor& x) const;
  Work work(const Tensor& x, const Tensor& y) const;
  void forward(const auto& on, const Tensor& x, Tensor& y) const;
  void backward(const Cpu&, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const;
  void backward(const Cuda&, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const;
};
}  // namespace op

// The mean of each window. x: float [n, c, h, w] -> [n, c, h', w'], sizes as of max_pool2d.
// Throws Error if the padding is more than half the window, or the window does not fit.
Tensor avg_pool2d(const Tensor& x, op::AvgPool2d options = {});

// The mean of each of size.h x size.w windows that cover x, the windows of adaptive_max_pool2d.
Tensor adaptive_avg_pool2d(const Tensor& x, Pair size);

// The mean of each channel: [n, c, h, w] -> [n, c].
Tensor global_avg_pool2d(const Tensor& x);

}  // namespace mica
