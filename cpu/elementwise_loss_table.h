#pragma once
#include <cstdint>

namespace mica {

// Runs of n floats. weight, pos_weight and dloss may be null: 1.
struct ElementwiseLossTable {
  double (*squares)(int64_t n, const float* a, const float* b);                         // sum of (a - b)^2
  void (*difference)(int64_t n, float factor, const float* a, const float* b, float* y);  // y = factor (a - b)
  double (*bce)(int64_t n, const float* x, const float* t, const float* weight, const float* pos_weight, float* y);  // the sum; each one in y, if it is not null
  void (*bce_back)(int64_t n, float factor, const float* dloss, const float* x, const float* t, const float* weight, const float* pos_weight, float* dx);
};
namespace v2 { extern const ElementwiseLossTable elementwise_loss; }
namespace v3 { extern const ElementwiseLossTable elementwise_loss; }
namespace v4 { extern const ElementwiseLossTable elementwise_loss; }

}  // namespace mica
