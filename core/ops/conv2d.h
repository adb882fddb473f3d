#pragma once
#include "mica/core/contract.h"
#include "mica/core/ops/pair.h"

namespace mica {
namespace op {
struct Conv2d {
  Pair stride = 1, padding = 0, dilation = 1;
  int groups = 1;
  static constexpr auto name = "conv2d";
  static constexpr Args<3> inputs{{{"x", saved | channels_last}, {"weight", saved | channels_last | shadowed}, {"bias", optional}}};
  static constexpr Args<1> outputs{{{"y", channels_last}}};
  Spec out(const Tensor& x, const Tensor& weight, const Tensor& bias) const;
  Work work(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y) const;
  void forward(const Cpu&, const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) const;
  void forward(const Cuda&, const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) const;
  void backward(const Cpu&, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y, const Tensor& dy, Tensor& dx,
                Tensor& dweight, Tensor& dbias) const;
  void backward(const Cuda&, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y, const Tensor& dy, Tensor& dx,
                Tensor& dweight, Tensor& dbias) const;
};
}  // namespace op

// 2-d cross-correlation (what frameworks call convolution) with zero padding.
// x: [n, c, h, w] (or [c, h, w]), weight: [out, c / groups, kh, kw], bias: [out] or undefined -> [n, out, oh, ow], channels-last, in weight's
// compute type, to which x is cast; oh = (h + 2 padding - dilation (kh - 1) - 1) / stride + 1, rounded down. Output channel o reads the input channels
// of its group, o / (out / groups). Throws Error if sizes do not fit or the kernel is larger than the padded image.
//   y[n, o, i, j] = bias[o] + sum over c, k, l of weight[o, c, k, l] x[n, c, i stride - padding + k dilation, j stride - padding + l dilation]
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, op::Conv2d options = {});

}  // namespace mica
