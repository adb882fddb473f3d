#include <xsimd/xsimd.hpp>
#include "mica/cpu/pointwise_table.h"

namespace mica::MICA_ISA {
using Batch = xsimd::batch<float>;
constexpr int64_t width = Batch::size;

// The tail is computed as a full batch too, so that a value does not depend on its place.
template <class F, int... k> void row(const F& f, int64_t n, const float* const* x, float* y, std::integer_sequence<int, k...>) {
  int64_t i = 0;
  for (; i + width <= n; i += width) f(Batch::load_unaligned(x[k] + i)...).store_unaligned(y + i);
  if (i == n) return;
  float part[F::arity][width];
  for (int operand = 0; operand < F::arity; ++operand) {
    Batch(x[operand][n - 1]).store_unaligned(part[operand]);
    for (int64_t j = i; j + 1 < n; ++j) part[operand][j - i] = x[operand][j];
  }
  float t[width];
  f(Batch::load_unaligned(part[k])...).store_unaligned(t);
  for (int64_t j = i; j < n; ++j) y[j] = t[j - i];
}
template <class F> void formula(const void* options, int64_t n, const float* const* x, float* y) {
  const F f = *static_cast<const F*>(options);
  row(f, n, x, y, std::make_integer_sequence<int, F::arity>());
}
template <class... F> constexpr PointwiseTable make(FormulaList<F...>) { return {{&formula<F>...}}; }
constinit const PointwiseTable pointwise = make(Formulas{});
}  // namespace mica::MICA_ISA
