#pragma once
#include <cstdint>

namespace mica {

// Softmax (or its logarithm) over rows of n floats; and over n values `inner` apart, for `count` neighbouring columns.
struct SoftmaxTable {
  void (*rows)(bool log, int64_t rows, int64_t n, const float* x, float* y);
  void (*rows_back)(bool log, int64_t rows, int64_t n, const float* y, const float* dy, float* dx);
  void (*columns)(bool log, int64_t n, int64_t inner, int64_t count, const float* x, float* y);
  void (*columns_back)(bool log, int64_t n, int64_t inner, int64_t count, const float* y, const float* dy, float* dx);
};
namespace v2 { extern const SoftmaxTable softmax; }
namespace v3 { extern const SoftmaxTable softmax; }
namespace v4 { extern const SoftmaxTable softmax; }

}  // namespace mica
