#pragma once
#include "mica/core/contract.h"

namespace mica {

// Where x is not 0: positions in row-major order, i64 [count]. (On a GPU the count is read by the host.)
Tensor flatnonzero(const Tensor& x);
// The elements of x where mask is true, in row-major order, 1-d; x and mask broadcast. x[mask] takes whole rows.
Tensor masked_select(const Tensor& x, const Tensor& mask);
// x with `value` where mask is true; mask broadcasts to x. The gradient is 0 there.
Tensor masked_fill(const Tensor& x, const Tensor& mask, Scalar value);

namespace op {
struct FlatNonzero {
  int64_t count;
  static constexpr auto name = "flatnonzero";
  static constexpr Args<1> inputs{{{"x", no_gradient}}}, outputs{{{"y"}}};
  Spec out(const Tensor& x) const;
  void forward(const Cpu&, const Tensor& x, Tensor& y) const;
  void forward(const Cuda&, const Tensor& x, Tensor& y) const;
};
}  // namespace op

}  // namespace mica
