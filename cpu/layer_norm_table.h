#pragma once
#include <cstdint>

namespace mica {

// Rows of d floats. weight, bias, dx, dweight and dbias may be null; dweight and dbias are added to.
struct LayerNormTable {
  void (*forward)(int64_t rows, int64_t d, double eps, const float* x, const float* weight, const float* bias, float* y, double* mean, double* inverse_std);
  void (*backward)(int64_t rows, int64_t d, const float* x, const float* weight, const float* dy, const double* mean, const double* inverse_std, float* dx, float* dweight,
                   float* dbias);
};
namespace v2 { extern const LayerNormTable layer_norm; }
namespace v3 { extern const LayerNormTable layer_norm; }
namespace v4 { extern const LayerNormTable layer_norm; }

}  // namespace mica
