#pragma once
#include "mica/core/contract.h"

namespace mica {
namespace op {
struct SliceUpdate {
  int dim = 0;
  int64_t start = 0;
  static constexpr auto name = "slice_update";
  static constexpr Args<2> inputs{{{"x", strided}, {"update", strided | binds}}};
  static constexpr Args<1> outputs{{{"y", strided}}};
  Spec out(const Tensor& x, const Tensor& update) const;
  void forward(const auto& on, const Tensor& x, const Tensor& update, Tensor& y) const;
  void backward(const auto& on, const Tensor& x, const Tensor& update, const Tensor& y, const Tensor& dy, Tensor& dx, Tensor& dupdate) const;
};
}  // namespace op

// A copy of x whose entries start, start + 1, ... along dim are those of `update`, which broadcasts to x's other dimensions and takes its
// dtype. start may be negative: it counts from the end. What an in-place write to slice(x, ...) would do, with gradients.
Tensor slice_update(const Tensor& x, const Tensor& update, int dim, int64_t start);

}  // namespace mica
