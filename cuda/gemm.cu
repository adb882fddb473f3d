#include "mica/cuda/gemm.h"
#include <algorithm>
#include "mica/cuda/product.h"

namespace mica {
namespace {
using namespace products;

// One thread computes one element. 2 sizeof(T) bytes per multiply-add, mostly from caches, 2 operations per multiply-add. Deterministic.
template <class T> __global__ void gemm_integer_kernel(Gemm g, Places<3> batch, Places<2> sum) {
  const int64_t i = thread_number();
  if (i >= batch.count * g.m * g.n) return;
  const int64_t s = i / (g.m * g.n), row = i / g.n % g.m, column = i % g.n;
  int64_t at[3], term[2];
  batch(s, at);
  const T* const a = static_cast<const T*>(g.a) + at[1] + row * g.a_row;
  const T* const b = static_cast<const T*>(g.b) + at[2] + column * g.b_column;
  T& y = static_cast<T*>(g.c)[at[0] + row * g.c_row + column * g.c_column];
  uint64_t total = g.add ? uint64_t(y) : 0;
  for (int64_t t = 0; t < sum.count; ++t) {
    sum(t, term);
    for (int64_t k = 0; k < g.k; ++k) total += uint64_t(a[term[0] + k * g.a_column]) * uint64_t(b[term[1] + k * g.b_row]);
  }
  y = T(total);
}

template <int n> bool multiples(const Loops<n>& p, int tensor, int64_t of) {
  return std::all_of(p.stride[tensor], p.stride[tensor] + p.rank, [&](int64_t s) { return s % of == 0; });
}
template <class T> Dense<T> operand(const void* data, int64_t rows, int64_t columns, int64_t row, int64_t column) {
  Dense<T> m{static_cast<const T*>(data), rows, columns, {}, column, false};
  m.places.add(rows, row);
  m.vectors = column == 1 && aligned_16(data) && (rows == 1 || row % per_16_bytes<T> == 0);
  return m;
}
Output output_of(const Gemm& g) {
  Output o{.c = g.c, .type = g.c_type, .step = g.c_column, .add = g.add, .bias = g.bias, .bias_type = g.bias_type};
  o.rows.add(g.m, g.c_row);
  o.vectors = g.c_column == 1 && reinterpret_cast<uintptr_t>(g.c) % (4 * bytes_of(g.c_type)) == 0 && (g.m == 1 || g.c_row % 4 == 0) && multiples(g.batch, 0, 4);
  return o;
}
// a as it lies: with rows of k neighbours (deep), or of m; b with columns of k neighbours (deep), or rows of n.
template <class T, bool a_deep, bool b_deep> void run_in_order(const Cuda& on, const Gemm& g) {
  constexpr int width = per_16_bytes<T>;
  Product<Dense<T>, Dense<T>> p{
      a_deep ? operand<T>(g.a, g.m, g.k, g.a_row, g.a_column) : operand<T>(g.a, g.k, g.m, g.a_column, g.a_row),
      b_deep ? operand<T>(g.b, g.n, g.k, g.b_column, g.b_row) : operand<T>(g.b, g.k, g.n, g.b_row, g.b_column), g.m, g.n, g.k, output_of(g),
      Places<3>(g.batch), Places<2>(g.sum)};
  p.a.vectors &= multiples(g.batch, 1, width) && multiples(g.sum, 0, width);
  p.b.vectors &= multiples(g.batch, 2, width) && multiples(g.sum, 1, width);
  products::run<T, a_deep, b_deep>(on, p, g.kernel);
}
template <class T> void run_float(const Cuda& on, const Gemm& g) {
  const bool a_deep = g.a_column == 1 || g.a_row != 1, b_deep = g.b_row == 1 && g.b_column != 1;
  if (a_deep && b_deep) run_in_order<T, true, true>(on, g);
  else if (a_deep) run_in_order<T, true, false>(on, g);
  else if (b_deep) run_in_order<T, false, true>(on, g);
  else run_in_order<T, false, false>(on, g);
}
// c^T = b^T a^T: the same product, with rows of c where c had columns.
Gemm transposed(const Gemm& g) {
  Gemm t = g;
  std::swap(t.m, t.n);
  std::swap(t.c_row, t.c_column);
  t.a = g.b; t.a_row = g.b_column; t.a_column = g.b_row;
  t.b = g.a; t.b_row = g.a_column; t.b_column = g.a_row;
  std::swap(t.batch.stride[1], t.batch.stride[2]);
  std::swap(t.sum.stride[0], t.sum.stride[1]);
  return t;
}
}  // namespace

void gemm(const Cuda& on, const Gemm& g) {
  if (g.m == 0 || g.n == 0 || g.batch.count == 0) return;
  if (g.c_column != 1 && g.c_row == 1 && !g.bias) return gemm(on, transposed(g));
  dispatch(g.type, [&]<class T>(T) {
    if constexpr (std::is_floating_point_v<Compute<T>>) run_float<T>(on, g);
    else if constexpr (!std::is_same_v<T, bool>) launch(on, {blocks_for(g.batch.count * g.m * g.n), block_threads}, gemm_integer_kernel<T>, g, Places<3>(g.batch), Places<2>(g.sum));
  });
}

}  // namespace mica
