#include "mica/cuda/softmax.h"
#include "mica/core/kernels.h"
#include "mica/cuda/choice.h"
#include "mica/cuda/cudnn_pointwise.h"
#include "mica/cuda/cudnn_table.h"
#include "mica/cuda/rows.h"

namespace mica {
namespace {
// x as [outer, n, inner] with the softmax over n.
struct Around {
  int64_t outer = 1, n, inner = 1;
  Around(const Shape& shape, int d) : n(shape[d]) {
    for (int i = 0; i < d; ++i) outer *= shape[i];
    for (int i = d + 1; i < shape.rank(); ++i) inner *= shape[i];
  }
};

// ---- inner is 1: a team takes a row
// The row is in registers: 2 sizeof(T) bytes per element. 12 operations per element. Deterministic.
template <class T, int packs> __global__ void __launch_bounds__(512) softmax_rows_kernel(bool log, int64_t rows, int64_t n, bool vectors, const T* x, T* y) {
  using C = Compute<T>;
  MICA_SHARED(C, parts, [32]);
  constexpr C none = -std::numeric_limits<C>::infinity();
  const int64_t row = int64_t(blockIdx.x) * blockDim.y + threadIdx.y, here = row < rows ? n : 0;
  Held<T, packs> h;
  h.load(x + row * n, here, vectors, none);
  C largest = none, sum = 0;
#pragma unroll
  for (const C v : h.v) largest = v > largest ? v : largest;
  largest = largest_of_team(largest, &parts[0]);
#pragma unroll
  for (C& v : h.v) {
    v -= largest;
    const C e = math::exp(v);
    sum += e;
    if (!log) v = e;
  }
  sum = sum_of_team(sum, &parts[0]);
  const C f = log ? math::log(sum) : 1 / sum;
#pragma unroll
  for (C& v : h.v) v = log ? v - f : v * f;
  h.store(y + row * n, here, vectors);
}
// Rows too long for that: a block reads its row twice. 3 sizeof(T) bytes per element. 20 operations per element. Deterministic.
template <class T> __global__ void softmax_long_rows_kernel(bool log, int64_t n, const T* x, T* y) {
  using C = Compute<T>;
  MICA_SHARED(C, parts, [32]);
  x += blockIdx.x * n;
  y += blockIdx.x * n;
  ExpSum<C> s = ExpSum<C>::start();
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) s.add(wide(x[i]));
  s.fold(&parts[0]);
  const C f = log ? math::log(s.sum) : 1 / s.sum;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
    const C v = wide(x[i]) - s.largest;
    y[i] = narrow<T>(log ? v - f : math::exp(v) * f);
  }
}

template <class C> __device__ __forceinline__ C term(bool log, C y, C dy) { return log ? dy : dy * y; }
template <class C> __device__ __forceinline__ C gradient(bool log, C y, C dy, C sum) { return log ? dy - math::exp(y) * sum : y * (dy - sum); }

// 3 sizeof(T) bytes per element. 4 operations per element, 12 of the logarithm's. Deterministic.
template <class T, int packs> __global__ void __launch_bounds__(512) softmax_rows_back_kernel(bool log, int64_t rows, int64_t n, bool vectors, const T* y, const T* dy, T* dx) {
  using C = Compute<T>;
  MICA_SHARED(C, parts, [32]);
  const int64_t row = int64_t(blockIdx.x) * blockDim.y + threadIdx.y, here = row < rows ? n : 0;
  Held<T, packs> h, d;
  h.load(y + row * n, here, vectors, 0);
  d.load(dy + row * n, here, vectors, 0);
  C sum = 0;
#pragma unroll
  for (int j = 0; j < h.items; ++j) sum += term(log, h.v[j], d.v[j]);
  sum = sum_of_team(sum, &parts[0]);
#pragma unroll
  for (int j = 0; j < h.items; ++j) d.v[j] = gradient(log, h.v[j], d.v[j], sum);
  d.store(dx + row * n, here, vectors);
}
// 5 sizeof(T) bytes per element. 4 operations per element, 12 of the logarithm's. Deterministic.
template <class T> __global__ void softmax_long_rows_back_kernel(bool log, int64_t n, const T* y, const T* dy, T* dx) {
  using C = Compute<T>;
  MICA_SHARED(C, parts, [32]);
  const int64_t first = blockIdx.x * n;
  C sum = 0;
  for (int64_t i = first + threadIdx.x; i < first + n; i += blockDim.x) sum += term(log, wide(y[i]), wide(dy[i]));
  sum = sum_of_team(sum, &parts[0]);
  for (int64_t i = first + threadIdx.x; i < first + n; i += blockDim.x) dx[i] = narrow<T>(gradient(log, wide(y[i]), wide(dy[i]), sum));
}

// ---- inner is not: 32 neighbouring columns a block, in blockDim.y parts, so that whole lines are read. What a thread reads it keeps in shared
// memory (`held`) where that is large enough.
constexpr int column_parts = 8;
constexpr size_t most_shared = 40 << 10;

// 2 sizeof(T) bytes per element, 3 where not held. 20 operations per element. Deterministic.
template <class T> __global__ void softmax_columns_kernel(bool log, int64_t columns, int64_t n, int64_t inner, bool held, const T* x, T* y) {
  using C = Compute<T>;
  MICA_SHARED(ExpSum<C>, parts, [column_parts][32]);
  MICA_DYNAMIC_SHARED(C, kept);
  const int64_t column = int64_t(blockIdx.x) * 32 + threadIdx.x;
  const int64_t first = column / inner * n * inner + column % inner;
  ExpSum<C> s = ExpSum<C>::start();
  if (column < columns)
    for (int64_t k = threadIdx.y; k < n; k += column_parts) {
      const C v = wide(x[first + k * inner]);
      if (held) kept[k * 32 + threadIdx.x] = v;
      s.add(v);
    }
  parts[threadIdx.y][threadIdx.x] = s;
  __syncthreads();
  if (column >= columns) return;
  s = parts[0][threadIdx.x];
  for (int p = 1; p < column_parts; ++p) s.merge(parts[p][threadIdx.x]);
  const C f = log ? math::log(s.sum) : 1 / s.sum;
  for (int64_t k = threadIdx.y; k < n; k += column_parts) {
    const C v = (held ? kept[k * 32 + threadIdx.x] : wide(x[first + k * inner])) - s.largest;
    y[first + k * inner] = narrow<T>(log ? v - f : math::exp(v) * f);
  }
}
// 3 sizeof(T) bytes per element, 5 where not held. 4 operations per element, 12 of the logarithm's. Deterministic.
template <class T> __global__ void softmax_columns_back_kernel(bool log, int64_t columns, int64_t n, int64_t inner, bool held, const T* y, const T* dy, T* dx) {
  using C = Compute<T>;
  MICA_SHARED(C, parts, [column_parts][32]);
  MICA_DYNAMIC_SHARED(C, kept);
  const int64_t column = int64_t(blockIdx.x) * 32 + threadIdx.x;
  const int64_t first = column / inner * n * inner + column % inner;
  C sum = 0;
  if (column < columns)
    for (int64_t k = threadIdx.y; k < n; k += column_parts) {
      const C v = wide(y[first + k * inner]), d = wide(dy[first + k * inner]);
      if (held) { kept[2 * k * 32 + threadIdx.x] = v; kept[(2 * k + 1) * 32 + threadIdx.x] = d; }
      sum += term(log, v, d);
    }
  parts[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (column >= columns) return;
  sum = parts[0][threadIdx.x];
  for (int p = 1; p < column_parts; ++p) sum += parts[p][threadIdx.x];
  for (int64_t k = threadIdx.y; k < n; k += column_parts) {
    const int64_t i = first + k * inner;
    const C v = held ? kept[2 * k * 32 + threadIdx.x] : wide(y[i]), d = held ? kept[(2 * k + 1) * 32 + threadIdx.x] : wide(dy[i]);
    dx[i] = narrow<T>(gradient(log, v, d, sum));
  }
}
}  // namespace

void softmax_forward(const Cuda& on, int dim, bool log, const Tensor& x, const Tensor& y) {
  const Around a(x.shape(), dim_of(x.shape(), dim));
  dispatch_float(x.dtype(), [&]<class T>(T) {
    const T* from = output<T>(x);
    T* to = output<T>(y);
    if (a.inner > 1) {
      const size_t bytes = size_t(a.n) * 32 * sizeof(Compute<T>);
      const bool held = bytes <= most_shared;
      return launch(on, {blocks_for(a.outer * a.inner, 32), dim3(32, column_parts), held ? bytes : sizeof(Compute<T>)}, softmax_columns_kernel<T>, log, a.outer * a.inner, a.n, a.inner, held, from, to);
    }
    const Team team = team_of<T>(a.n);
    if (!team.packs) return launch(on, {dim3(unsigned(a.outer)), team.block()}, softmax_long_rows_kernel<T>, log, a.n, from, to);
    with_packs(team.packs, [&]<int packs>(std::integral_constant<int, packs>) {
      launch(on, {blocks_for(a.outer, team.rows), team.block()}, softmax_rows_kernel<T, packs>, log, a.outer, a.n, row_vectors<T>(a.n, from, to), from, to);
    });
  });
}

void softmax_backward(const Cuda& on, int dim, bool log, const Tensor& y, const Tensor& dy, const Tensor& dx) {
  const Around a(y.shape(), dim_of(y.shape(), dim));
  dispatch_float(y.dtype(), [&]<class T>(T) {
    const T *py = output<T>(y), *pd = output<T>(dy);
    T* to = output<T>(dx);
    if (a.inner > 1) {
      const size_t bytes = size_t(a.n) * 2 * 32 * sizeof(Compute<T>);
      const bool held = bytes <= most_shared;
      return launch(on, {blocks_for(a.outer * a.inner, 32), dim3(32, column_parts), held ? bytes : sizeof(Compute<T>)}, softmax_columns_back_kernel<T>, log, a.outer * a.inner, a.n, a.inner, held, py, pd,
                    to);
    }
    const Team team = team_of<T>(a.n);
    if (!team.packs) return launch(on, {dim3(unsigned(a.outer)), team.block()}, softmax_long_rows_back_kernel<T>, log, a.n, py, pd, to);
    with_packs(team.packs, [&]<int packs>(std::integral_constant<int, packs>) {
      launch(on, {blocks_for(a.outer, team.rows), team.block()}, softmax_rows_back_kernel<T, packs>, log, a.outer, a.n, row_vectors<T>(a.n, py, pd, to), py, pd, to);
    });
  });
}

namespace {
// Rows of neighbours only; others cuDNN would take in another layout.
ChoiceKey softmax_key(const op::Softmax& o, bool forward, const Tensor& x, const Around& a) {
  return {"softmax", {int64_t(x.dtype()), a.outer, a.n, a.inner, o.log, forward}};
}
}  // namespace

void op::Softmax::forward(const Cuda& on, const Tensor& x, Tensor& y) const {
  if (x.size() == 0) return;
  const Around a(x.shape(), dim_of(x.shape(), dim));
  own_or_library(on, softmax_key(*this, true, x, a), "cudnn", has_cudnn() && a.inner == 1, [&] { softmax_forward(on, dim, log, x, y); },
                 [&] { return cudnn_softmax_forward(on, x.dtype(), a.outer, a.n, log, address(x), address(y)); });
}
void op::Softmax::backward(const Cuda& on, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const {
  if (x.size() == 0) return;
  const Around a(x.shape(), dim_of(x.shape(), dim));
  own_or_library(on, softmax_key(*this, false, x, a), "cudnn", has_cudnn() && a.inner == 1, [&] { softmax_backward(on, dim, log, y, dy, dx); },
                 [&] { return cudnn_softmax_backward(on, x.dtype(), a.outer, a.n, log, address(y), address(dy), address(dx)); });
}

}  // namespace mica
