#pragma once
#include <cstdint>
#include <tuple>
#include "mica/core/dtype.h"
// Kernels over rows of p numbers (T: float, bfloat16, float16; computed in float), where element j of each row has parameters of its own: p is
// the number of channels c, or for small c a multiple, several pixels as one row, with the parameters repeated. All sums are added to.
namespace mica {

enum class Mask { none, from_x, from_y };     // where relu let the gradient through: recomputed from x as forward did, or read from y
struct BatchNormRows {
  int64_t rows, p;
  const float *mean, *scale, *shift;           // y = (x - mean) scale + shift
  bool streams = false;                        // results go past the caches; then p and their address are multiples of a cache line
};
template <class T> struct BatchNormTable {
  // s1 += sum (x - origin), s2 += sum (x - origin)^2
  void (*moments)(int64_t rows, int64_t p, const T* x, const float* origin, float* s1, float* s2);
  // y = relu?((x - mean) scale + shift + add?)
  void (*normalize)(const BatchNormRows& r, const T* x, const T* add, bool relu, T* y);
  // g = dy where the mask lets it through, else 0; s1 += sum g, s2 += sum g (x - mean); masked (if not null) = g
  void (*reduce)(const BatchNormRows& r, Mask mask, const T* x, const T* y, const T* dy, float* s1, float* s2, T* masked);
  // dx = a g + b (x - mean) + k
  void (*gradient)(const BatchNormRows& r, Mask mask, const T* x, const T* y, const T* dy, const float* a, const float* b, const float* k, T* dx);
};
using BatchNormTables = std::tuple<BatchNormTable<float>, BatchNormTable<bfloat16>, BatchNormTable<float16>>;
namespace v2 { extern const BatchNormTables batch_norm; }
namespace v3 { extern const BatchNormTables batch_norm; }
namespace v4 { extern const BatchNormTables batch_norm; }

}  // namespace mica
