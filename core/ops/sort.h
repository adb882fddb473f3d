#pragma once
#include "mica/core/contract.h"

namespace mica {

struct Sorted {
  Tensor values, indices;  // indices: i64, where along the dimension each value was
};

namespace op {
// The kernels of both work along the last dimension; sort() and topk() bring theirs there.
struct Sort {
  int dim = -1;
  bool descending = false;
  static constexpr auto name = "sort";
  static constexpr Args<1> inputs{{{"x"}}};
  static constexpr Args<2> outputs{{{"values"}, {"indices", saved}}};
  std::array<Spec, 2> out(const Tensor& x) const;
  void forward(const auto& on, const Tensor& x, Tensor& values, Tensor& indices) const;
  void backward(const auto& on, const Tensor& x, const Tensor& values, const Tensor& indices, const Tensor& dvalues, const Tensor& dindices, Tensor& dx) const;
};
struct TopK {
  int64_t k;
  static constexpr auto name = "topk";
  static constexpr Args<1> inputs{{{"x"}}};
  static constexpr Args<2> outputs{{{"values"}, {"indices", saved}}};
  std::array<Spec, 2> out(const Tensor& x) const;
  void forward(const auto& on, const Tensor& x, Tensor& values, Tensor& indices) const;
  void backward(const auto& on, const Tensor& x, const Tensor& values, const Tensor& indices, const Tensor& dvalues, const Tensor& dindices, Tensor& dx) const;
};
}  // namespace op

// x sorted along a dimension; equal values keep their order; NaN is the largest. sort(x, {.dim = 0, .descending = true}).values
Sorted sort(const Tensor& x, op::Sort options = {});
Tensor argsort(const Tensor& x, op::Sort options = {});
// The k largest along a dimension, largest first; of equal values the first. Throws Error unless 1 <= k <= the dimension's size.
Sorted topk(const Tensor& x, int64_t k, int dim = -1);

// The first k = values.size(-1) of each row of x in sorted order; row-major tensors. For authors of ops.
void sort_kernel(const Cpu&, const Tensor& x, const Tensor& values, const Tensor& indices, bool descending);
void sort_kernel(const Cuda&, const Tensor& x, const Tensor& values, const Tensor& indices, bool descending);

}  // namespace mica
