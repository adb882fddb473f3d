#pragma once
#include "mica/core/contract.h"

namespace mica {
namespace op {
struct Flip {
  Shape dims;
  static constexpr auto name = "flip";
  static constexpr Args<1> inputs{{{"x", strided}}}, outputs{{{"y", strided}}};
  Spec out(const Tensor& x) const;
  void forward(const auto& on, const Tensor& x, Tensor& y) const;
  void backward(const auto& on, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const;
};
}  // namespace op

// A copy of x with those dimensions in reverse order.
Tensor flip(const Tensor& x, const Shape& dims);
// A copy of x whose entry i along dim is entry i - shift; what leaves at one end enters at the other.
Tensor roll(const Tensor& x, int64_t shift, int dim);

}  // namespace mica
