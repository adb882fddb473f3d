#pragma once
#include "mica/core/contract.h"

namespace mica {
namespace op {
struct Softmax {
  int dim = -1;
  bool log = false;
  static constexpr auto name = "softmax";
  static constexpr Args<1> inputs{{{"x"}}}, outputs{{{"y", saved}}};
  Spec out(const Tensor& x) const;
  void forward(const Cpu&, const Tensor& x, Tensor& y) const;
  void forward(const Cuda&, const Tensor& x, Tensor& y) const;
  void backward(const Cpu&, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const;
  void backward(const Cuda&, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const;
};
struct LogSoftmax : Softmax {
  static constexpr auto name = "log_softmax";
};
}  // namespace op

// y = exp(x) / (sum of exp(x) over dimension dim), without overflow; and its logarithm x - log(sum of exp(x)). x: any float; y is as x,
// 16 bits computed in f32. A slice that is -inf throughout gives NaN.
Tensor softmax(const Tensor& x, int dim = -1);
Tensor log_softmax(const Tensor& x, int dim = -1);

}  // namespace mica
