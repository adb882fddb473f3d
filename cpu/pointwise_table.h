#pragma once
#include <cstdint>
#include "mica/core/ops/formulas.h"

namespace mica {

// y[i] = formula(x[0][i], x[1][i], ...) for i < n, by the formula's place in the list. y may be one of x.
template <class T> using PointwiseRow = void (*)(const void* options, int64_t n, const T* const* x, T* y);
struct PointwiseTable { PointwiseRow<float> row[Formulas::size]; };
namespace v2 { extern const PointwiseTable pointwise; }
namespace v3 { extern const PointwiseTable pointwise; }
namespace v4 { extern const PointwiseTable pointwise; }

}  // namespace mica
