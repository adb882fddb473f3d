#pragma once
#include <cstdint>

namespace mica {

struct DropoutTable {
  // u[i] = the uniform number of random element first + i * stride, i < n: word e % 4 of philox(seed, call, e / 4) for element e.
  void (*uniform)(uint64_t seed, uint64_t call, int64_t first, int64_t stride, int64_t n, float* u);
  // y[i] = uniform number of element first + i >= p ? x[i] scale : 0
  void (*dropout)(uint64_t seed, uint64_t call, int64_t first, int64_t n, float p, float scale, const float* x, float* y);
};
namespace v2 { extern const DropoutTable dropout; }
namespace v3 { extern const DropoutTable dropout; }
namespace v4 { extern const DropoutTable dropout; }

}  // namespace mica
