#include "mica/cpu/strided.h"
#include <cstring>
#include "mica/core/kernel_shapes_internal.h"
#include "mica/core/kernels.h"
#include "mica/core/ops/formulas.h"
#include "mica/cpu/half.h"
#include "mica/cpu/parallel.h"

namespace mica {
namespace {
template <class X, class Y> Y convert(X v) {
  if constexpr (std::is_same_v<Y, bool>) return v != X(0);
  else if constexpr (std::is_same_v<Compute<Y>, Y>) return Y(Compute<X>(v));
  else return Y(float(Compute<X>(v)));
}

// y = x where x's innermost stride is 1 along another dimension than y's: square tiles, so that both sides use whole cache lines.
template <class T> void transpose(const Dims& d, int row, const T* x, T* y) {
  constexpr int64_t tile = 16;
  const int inner = d.rank - 1;
  const int64_t rows = d.size[row], columns = d.size[inner], xs = d.stride[1][inner], ys = d.stride[0][row];
  const int64_t tiles = (rows + tile - 1) / tile;
  int64_t outer = 1;
  for (int i = 0; i < inner; ++i) if (i != row) outer *= d.size[i];
  parallel_for(outer * tiles, std::max<int64_t>(1, pointwise_grain / (tile * columns)), [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; ++at) {
      const int64_t r0 = at % tiles * tile, r1 = std::min(rows, r0 + tile);
      int64_t left = at / tiles, xo = 0, yo = 0;
      for (int i = inner - 1; i >= 0; --i) {
        if (i == row) continue;
        const int64_t k = left % d.size[i];
        left /= d.size[i]; xo += k * d.stride[1][i]; yo += k * d.stride[0][i];
      }
      for (int64_t c0 = 0; c0 < columns; c0 += tile)
        for (int64_t r = r0; r < r1; ++r)
          for (int64_t c = c0, c1 = std::min(columns, c0 + tile); c < c1; ++c) y[yo + r * ys + c] = x[xo + r + c * xs];
    }
  });
}

template <class X, class Y> void copy_strided(const Tensor& from, const Tensor& to) {
  const Tensor* both[] = {&to, &from};
  const Dims d(both);
  if (d.count == 0) return;
  const X* x = output<X>(from);
  Y* y = output<Y>(to);
  if constexpr (std::is_same_v<X, Y>) {
    if (d.rank >= 2 && d.stride[0][d.rank - 1] == 1 && d.stride[1][d.rank - 1] != 1)
      for (int row = 0; row < d.rank - 1; ++row) if (d.stride[1][row] == 1) return transpose(d, row, x, y);
  }
  const int64_t inner = d.rank ? d.size[d.rank - 1] : 1, outer = d.count / inner;
  auto span = [&](int64_t begin, int64_t end) {  // elements, whole runs unless there is one run only
    for_runs(d, 0, begin, end, [&, at = begin](int64_t yo, int64_t n, int64_t ys) mutable {
      for_runs(d, 1, at, at + n, [&](int64_t xo, int64_t m, int64_t xs) {
        if constexpr (std::is_same_v<X, Y>) if (xs == 1 && ys == 1) { std::memcpy(y + yo, x + xo, size_t(m) * sizeof(X)); return; }
        if constexpr (requires { mica::convert(x, y, m); }) if (xs == 1 && ys == 1) return mica::convert(x + xo, y + yo, m);
        if (xs == 1 && ys == 1) for (int64_t i = 0; i < m; ++i) y[yo + i] = convert<X, Y>(x[xo + i]);
        else for (int64_t i = 0; i < m; ++i) y[yo + i * ys] = convert<X, Y>(x[xo + i * xs]);
      });
      at += n;
    });
  };
  if (outer == 1) parallel_for(d.count, pointwise_grain, span);
  else parallel_for(outer, std::max<int64_t>(1, pointwise_grain / inner), [&](int64_t begin, int64_t end) { span(begin * inner, end * inner); });
}
}  // namespace

void copy_kernel(const Cpu&, const Tensor& x, const Tensor& y) {
  dispatch(x.dtype(), [&]<class X>(X) { dispatch(y.dtype(), [&]<class Y>(Y) { copy_strided<X, Y>(x, y); }); });
}
void fill_kernel(const Cpu&, Scalar value, const Tensor& y) {
  dispatch(y.dtype(), [&]<class T>(T) {
    const T v = element_of<T>(value);
    const Tensor* one[] = {&y};
    const Dims d(one);
    T* to = output<T>(y);
    parallel_for(d.count, pointwise_grain, [&](int64_t begin, int64_t end) {
      for_runs(d, 0, begin, end, [&](int64_t offset, int64_t n, int64_t stride) {
        if (stride == 1) std::fill_n(to + offset, n, v);
        else for (int64_t i = 0; i < n; ++i) to[offset + i * stride] = v;
      });
    });
  });
}
void add_kernel(const Cpu& on, const Tensor& a, const Tensor& b, const Tensor& y) { pointwise_kernel(on, Value<op::Add>{}, {&a, &b}, y); }

}  // namespace mica
