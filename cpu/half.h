#pragma once
#include <cstdint>
#include "mica/core/dtype.h"
namespace mica {

// y[i] = x[i] for n numbers without gaps, on this thread. Bit for bit what the types' own conversions give, but for the payload of a NaN.
void convert(const bfloat16* x, float* y, int64_t n);
void convert(const float16* x, float* y, int64_t n);
void convert(const float* x, bfloat16* y, int64_t n);
void convert(const float* x, float16* y, int64_t n);

// f(T{}) for the types that kernels computing in float take: float, bfloat16 or float16.
template <class F> void dispatch_fast(DType t, F&& f) {
  if (t == bf16) f(bfloat16{}); else if (t == f16) f(float16{}); else f(float{});
}

}  // namespace mica
