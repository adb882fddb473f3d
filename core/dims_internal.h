#pragma once
#include <span>
#include "mica/core/tensor.h"
// Walking equal-shaped tensors of any strides: for both backends.
namespace mica {

// Their common dimensions: without those of size 1, outermost first by the strides of the first tensor, merged where every tensor allows it.
struct Dims {
  static constexpr int max_tensors = 6;
  int rank = 0;
  int64_t size[Shape::max_rank], stride[max_tensors][Shape::max_rank], count = 1;
  explicit Dims(std::span<const Tensor* const> tensors);
  bool dense(int tensor) const { return rank == 0 || (rank == 1 && stride[tensor][0] == 1); }
};

}  // namespace mica
