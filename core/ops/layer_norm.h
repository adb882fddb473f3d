#pragma once
#include "mica/core/contract.h"

namespace mica {
namespace op {
struct LayerNorm {
  int dims = 1;  // how many dimensions, from the last, are normalised together
  double eps = 1e-5;
  static constexpr auto name = "layer_norm";
  static constexpr Args<3> inputs{{{"x", saved}, {"weight", saved | optional}, {"bias", optional}}};
  static constexpr Args<1> outputs{{{"y"}}};
  struct State { Tensor mean, inverse_std; };  // of each row
  Spec out(const Tensor& x, const Tensor& weight, const Tensor& bias) const;
  void forward(const Cpu&, const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y, State& state) const;
  void forward(const Cuda&, const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y, State& state) const;
  void backward(const Cpu&, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y, const State& state,
                const Tensor& dy, Tensor& dx, Tensor& dweight, Tensor& dbias) const;
  void backward(const Cuda&, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y, const State& state,
                const Tensor& dy, Tensor& dx, Tensor& dweight, Tensor& dbias) const;
};
}  // namespace op

// y = (x - mean) / sqrt(var + eps) weight + bias, mean and (biased) var over the last `dims` dimensions of each sample (Ba, Kiros, Hinton
// 2016). x: any float; weight, bias: the sizes of those dimensions, or undefined (1 and 0), f32 or x's dtype. 16-bit x is computed in f32.
Tensor layer_norm(const Tensor& x, const Tensor& weight = {}, const Tensor& bias = {}, op::LayerNorm options = {});

}  // namespace mica
