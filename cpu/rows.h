#pragma once
#include "mica/core/kernels.h"
#include "mica/core/tensor.h"
namespace mica {

// A row-major tensor around one of its dimensions: [outer, size, inner].
struct Around {
  int64_t outer = 1, size, inner = 1;
  Around(const Shape& shape, int dim) : size(shape[dim]) {
    for (int i = 0; i < dim; ++i) outer *= shape[i];
    for (int i = dim + 1; i < shape.rank(); ++i) inner *= shape[i];
  }
};

// ids as i64, row-major.
inline Tensor as_i64(const Tensor& ids) {
  if (ids.dtype() == i64) return ids;
  const Tensor wide = empty(ids.shape(), {i64});
  copy_kernel(Cpu{}, ids, wide);
  return wide;
}
[[noreturn, gnu::cold]] inline void bad_id(int64_t id, int64_t low, int64_t size) {
  throw Error("id " + std::to_string(id) + " is not in [" + std::to_string(low) + ", " + std::to_string(size) + ")");
}

}  // namespace mica
