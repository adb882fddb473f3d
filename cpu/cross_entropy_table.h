#pragma once
#include <cstdint>

namespace mica {

// Rows of n floats. weight may be null: 1.
struct CrossEntropyTable {
  double (*log_sum_exp)(int64_t n, const float* x);
  double (*distance)(int64_t n, const float* x, double lse, const float* weight);  // sum of weight (lse - x)
  // dx = a exp(x - lse) - b weight
  void (*gradient)(int64_t n, const float* x, double lse, double a, double b, const float* weight, float* dx);
};
namespace v2 { extern const CrossEntropyTable cross_entropy; }
namespace v3 { extern const CrossEntropyTable cross_entropy; }
namespace v4 { extern const CrossEntropyTable cross_entropy; }

}  // namespace mica
