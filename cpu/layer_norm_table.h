#pragma once
#include <cstdint>
#include <tuple>
#include "mica/core/dtype.h"

namespace mica {

// Rows of d numbers (T: float, bfloat16, float16; computed in float). weight, bias, dx, dweight and dbias may be null; dweight and dbias are added to.
template <class T> struct LayerNormTable {
  void (*forward)(int64_t rows, int64_t d, double eps, const T* x, const float* weight, const float* bias, T* y, double* mean, double* inverse_std);
  void (*backward)(int64_t rows, int64_t d, const T* x, const float* weight, const T* dy, const double* mean, const double* inverse_std, T* dx, float* dweight,
                   float* dbias);
};
using LayerNormTables = std::tuple<LayerNormTable<float>, LayerNormTable<bfloat16>, LayerNormTable<float16>>;
namespace v2 { extern const LayerNormTables layer_norm; }
namespace v3 { extern const LayerNormTables layer_norm; }
namespace v4 { extern const LayerNormTables layer_norm; }

}  // namespace mica
