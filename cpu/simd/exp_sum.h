#pragma once
#include "mica/cpu/simd/batch.h"

namespace mica::MICA_ISA {

// The largest of n floats (n >= 1). A NaN may be lost: what is computed with it brings it back.
inline float largest(const float* x, int64_t n) {
  Batch m(-__builtin_inff());
  each(n, [&](auto io, int64_t i) { m = xsimd::max(m, io.load(x + i, -__builtin_inff())); });
  return lane_max(m);
}
// log(v), as the batches compute it.
inline float log_of(float v) {
  float t[width];
  xsimd::log(Batch(v)).store_unaligned(t);
  return t[0];
}

}  // namespace mica::MICA_ISA
