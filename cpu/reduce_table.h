#pragma once
#include <cstdint>

namespace mica {

// Reductions of consecutive floats, per instruction set.
struct ReduceTable {
  double (*sum)(const float* x, int64_t n);
  double (*sum_squares)(const float* x, int64_t n);
  float (*max)(const float* x, int64_t n);  // -inf of none; NaN wins
  float (*min)(const float* x, int64_t n);
  void (*add_rows)(const float* x, int64_t rows, int64_t stride, int64_t columns, double* total);  // total[c] += the sum of column c; columns <= add_columns
};
inline constexpr int64_t add_columns = 512;
namespace v2 { extern const ReduceTable reduce; }
namespace v3 { extern const ReduceTable reduce; }
namespace v4 { extern const ReduceTable reduce; }

}  // namespace mica
