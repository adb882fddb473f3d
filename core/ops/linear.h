#pragma once
#include "mica/core/contract.h"

namespace mica {
namespace op {
struct Linear {
  static constexpr auto name = "linear";
  static constexpr Args<3> inputs{{{"x", saved | strided}, {"weight", saved | strided | shadowed}, {"bias", optional}}};
  static constexpr Args<1> outputs{{{"y", strided}}};
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

// x weight^T + bias. x: [..., in], weight: [out, in], bias: [out] or undefined -> [..., out] in weight's compute type, to which x is
// cast. The bias of a 16-bit weight may be f32. Throws Error if the sizes do not fit. dx = dy weight, dweight = dy^T x, dbias = the sum of dy over all rows.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

// Casts x to weight's compute type, and a bias that the kernels of that type do not take: what linear and conv2d have in common.
void to_compute_type(Tensor& x, const Tensor& weight, Tensor& bias);

}  // namespace mica
