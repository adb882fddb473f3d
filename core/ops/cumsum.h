#pragma once
#include "mica/core/contract.h"

namespace mica {
namespace op {
struct Cumsum {
  int dim = -1;
  static constexpr auto name = "cumsum";
  static constexpr Args<1> inputs{{{"x"}}}, outputs{{{"y"}}};
  Spec out(const Tensor& x) const;
  void forward(const auto& on, const Tensor& x, Tensor& y) const;
  void backward(const auto& on, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const;
};
}  // namespace op

// y[i] = x[0] + ... + x[i] along dim. dtype: x's; integers and bool give i64.
Tensor cumsum(const Tensor& x, int dim = -1);

// The same on row-major tensors, from the last element backwards where `reverse`. For authors of ops.
void cumsum_kernel(const Cpu&, const Tensor& x, const Tensor& y, int dim, bool reverse);
void cumsum_kernel(const Cuda&, const Tensor& x, const Tensor& y, int dim, bool reverse);

}  // namespace mica
