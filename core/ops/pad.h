#pragma once
#include <vector>
#include "mica/core/contract.h"

namespace mica {
namespace op {
struct Pad {
  Shape before, after;  // of each dimension
  Scalar value = 0;
  static constexpr auto name = "pad";
  static constexpr Args<1> inputs{{{"x", strided | binds}}}, outputs{{{"y", strided}}};
  Spec out(const Tensor& x) const;
  void forward(const auto& on, const Tensor& x, Tensor& y) const;
  void backward(const auto& on, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const;
};
}  // namespace op

enum class PadMode { reflect, replicate };  // mirrored without the edge itself; the edge repeated

// x with more entries at the ends of its dimensions. amounts: {before, after} of the last dimension, then of the one before it, ...:
// pad(x, {left, right, top, bottom}). Negative amounts cut off. A channels-last x gives a channels-last result.
Tensor pad(const Tensor& x, const std::vector<int64_t>& amounts, Scalar value = 0);
Tensor pad(const Tensor& x, const std::vector<int64_t>& amounts, PadMode mode);  // amounts >= 0; reflect: below the dimension's size

}  // namespace mica
