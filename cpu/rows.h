#pragma once
#include "mica/core/around_internal.h"
#include "mica/core/kernels.h"
#include "mica/core/tensor.h"
namespace mica {

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
