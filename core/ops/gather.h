#pragma once
#include "mica/core/contract.h"

namespace mica {
namespace op {
struct Gather {
  int dim = 0;
  static constexpr auto name = "gather";
  static constexpr Args<2> inputs{{{"x"}, {"ids", saved | no_gradient}}};
  static constexpr Args<1> outputs{{{"y"}}};
  Spec out(const Tensor& x, const Tensor& ids) const;
  void forward(const auto& on, const Tensor& x, const Tensor& ids, Tensor& y) const;
  void backward(const auto& on, const Tensor& x, const Tensor& ids, const Tensor& y, const Tensor& dy, Tensor& dx, Tensor& dids) const;
};
}  // namespace op

// y[i, j, ...] = x[ids[i, j, ...], j, ...] for dim 0, and likewise for others. ids: i64 or i32, of x's rank, no larger than x but along dim.
// Throws Error for an id that is out of range. The gradients of equal ids add up, always in the same order.
Tensor gather(const Tensor& x, int dim, const Tensor& ids);

// The same, and y[..., ids[...], ...] += values, on row-major tensors; x and ids differ along dim only. For authors of ops.
void gather_kernel(const Cpu&, const Tensor& x, const Tensor& ids, const Tensor& y, int dim);
void gather_kernel(const Cuda&, const Tensor& x, const Tensor& ids, const Tensor& y, int dim);
void scatter_add_kernel(const Cpu&, const Tensor& values, const Tensor& ids, const Tensor& y, int dim);
void scatter_add_kernel(const Cuda&, const Tensor& values, const Tensor& ids, const Tensor& y, int dim);

}  // namespace mica
