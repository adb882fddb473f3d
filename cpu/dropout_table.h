#pragma once
#include <cstdint>

namespace mica {

struct DropoutTable {
  // u[i] = the uniform number of random element first + i * stride, i < n: word e % 4 of philox(seed, call, e / 4) for element e.
  void (*uniform)(uint64_t seed, uint64_t call, int64_t first, int64_t stride, int64_t n, float* u);
  // y[i] = uniform number of element first + i >= p ? x[i] scale : 0
  void (*dropout)(uint64_t seed, uint64_t call, int64_t first, int64_t n, float p, float scale, const float* x, float* y);
  // The same for four neighbouring pixels of c channels, channels-last, where each channel's four elements are one block: block + j * stride for channel j.
  void (*pixels)(uint64_t seed, uint64_t call, int64_t block, int64_t stride, int64_t c, float p, float scale, const float* x, float* y);
  // y = x factor for rows of c floats; 0 where the factor is 0, whatever x is.
  void (*scale)(int64_t rows, int64_t c, const float* factor, const float* x, float* y);
};
namespace v2 { extern const DropoutTable dropout; }
namespace v3 { extern const DropoutTable dropout; }
namespace v4 { extern const DropoutTable dropout; }

}  // namespace mica
