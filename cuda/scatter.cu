#include "mica/cuda/scatter.h"
#include "mica/cuda/fold.h"
#include "mica/cuda/radix.h"

namespace mica {
namespace {
template <class V> using Sum = std::conditional_t<std::is_floating_point_v<Compute<V>>, Compute<V>, int64_t>;  // integers wrap alike in any width

// One thread looks for one element of y among all rows, for few of both. 4 bytes per element and row, from caches; 1 operation per element and row.
// Deterministic.
template <class V, class Y> __global__ void add_few_rows_kernel(Indices<3> elements, int64_t n, const uint32_t* rows, const V* values, Y* y) {
  const int64_t i = thread_number();
  if (i >= elements.count) return;
  int64_t at[3];  // outer, row, inner
  elements(i, at);
  Sum<V> total = Sum<V>(wide(y[i]));
  bool any = false;
  for (int64_t k = 0; k < n; ++k) {
    if (rows[k] != at[1]) continue;
    total += Sum<V>(wide(values[(at[0] * n + k) * elements.size[2] + at[2]]));
    any = true;
  }
  if (any) y[i] = narrow<Y>(total);
}

// One thread writes one number: 4 bytes per number, no operations. Deterministic.
__global__ void number_kernel(int64_t n, uint32_t* numbers) {
  const int64_t i = thread_number();
  if (i < n) numbers[i] = uint32_t(i);
}

// A thread whose sorted place begins a run of equal rows adds all of the run to one element of y, in order; the others do nothing.
// (8 + sizeof(V)) bytes per value, and 2 sizeof(Y) of each element of y that is hit; 1 operation per value. Deterministic.
template <class V, class Y> __global__ void add_runs_kernel(Indices<3> elements, int64_t size, const uint32_t* rows, const uint32_t* places, const V* values, Y* y) {
  const int64_t i = thread_number();
  if (i >= elements.count) return;
  int64_t at[3];  // outer, place, inner
  elements(i, at);
  const int64_t n = elements.size[1], inner = elements.size[2];
  const uint32_t row = rows[at[1]];
  if (row >= size || (at[1] > 0 && rows[at[1] - 1] == row)) return;
  Y* const to = y + (at[0] * size + row) * inner + at[2];
  Sum<V> total = Sum<V>(wide(*to));
  for (int64_t k = at[1]; k < n && rows[k] == row; ++k) total += Sum<V>(wide(values[(at[0] * n + places[k]) * inner + at[2]]));
  *to = narrow<Y>(total);
}

template <class V, class Y> void add(const Cuda& on, const Tensor& values, const uint32_t* rows, int64_t n, const Around& a, const Tensor& y) {
  constexpr int64_t few = int64_t(1) << 20;
  if (y.size() <= few / n) {
    const Indices<3> elements(a.outer, a.size, a.inner);
    return launch(on, {blocks_for(elements.count), block_threads}, add_few_rows_kernel<V, Y>, elements, n, rows, output<V>(values), output<Y>(y));
  }
  const Scratch numbers(on, size_t(n) * 4), places(on, size_t(n) * 4), sorted(on, size_t(n) * 4);
  launch(on, {blocks_for(n), block_threads}, number_kernel, n, numbers.as<uint32_t>());
  sort_pairs(on, rows, sorted.as<uint32_t>(), numbers.as<uint32_t>(), places.as<uint32_t>(), n, int(std::bit_width(uint64_t(a.size))));
  const Indices<3> elements(a.outer, n, a.inner);
  launch(on, {blocks_for(elements.count), block_threads}, add_runs_kernel<V, Y>, elements, a.size, sorted.as<uint32_t>(), places.as<uint32_t>(), output<V>(values), output<Y>(y));
}
}  // namespace

void check_32_bits(int64_t n) {
  if (n >= (int64_t(1) << 32) - 1) throw Error(std::to_string(n) + " places; on cuda there may be 2^32 - 2");
}
void add_rows(const Cuda& on, const Tensor& values, const uint32_t* rows, int64_t n, const Around& around, const Tensor& y) {
  check_32_bits(n);
  check_32_bits(around.size);
  if (n == 0 || y.size() == 0) return;
  dispatch(values.dtype(), [&]<class V>(V) {
    if constexpr (!std::is_same_v<V, bool>) {
      if (y.dtype() == values.dtype()) return add<V, V>(on, values, rows, n, around, y);
      if constexpr (!std::is_same_v<V, Compute<V>>) add<V, float>(on, values, rows, n, around, y);
    }
  });
}

}  // namespace mica
