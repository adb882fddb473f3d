#pragma once
#include <cstdint>
#include "mica/core/dtype.h"

namespace mica {

// y[i] = x[i], n numbers.
struct HalfTable {
  void (*widen_bf16)(const bfloat16* x, int64_t n, float* y);
  void (*narrow_bf16)(const float* x, int64_t n, bfloat16* y);
  void (*widen_f16)(const float16* x, int64_t n, float* y);
  void (*narrow_f16)(const float* x, int64_t n, float16* y);
};
namespace v2 { extern const HalfTable half; }
namespace v3 { extern const HalfTable half; }
namespace v4 { extern const HalfTable half; }

}  // namespace mica
