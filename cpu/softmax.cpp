#include "mica/core/ops/softmax.h"
#include <cmath>
#include "mica/cpu/isa.h"
#include "mica/cpu/parallel.h"
#include "mica/cpu/softmax_table.h"
#include "mica/cpu/widen.h"

namespace mica {
namespace {
const SoftmaxTable& table() { static const auto& t = pick(v2::softmax, v3::softmax, v4::softmax); return t; }

// x as [outer, n, inner] with the softmax over n. f(first element, count of neighbouring slices) runs over all outer * inner slices.
struct Slices {
  int64_t outer = 1, n, inner = 1;
  Slices(const Tensor& x, int dim) {
    const int d = dim_of(x.shape(), dim);
    n = x.size(d);
    for (int i = 0; i < d; ++i) outer *= x.size(i);
    for (int i = d + 1; i < x.rank(); ++i) inner *= x.size(i);
  }
  template <class F> void each(F&& f) const {
    parallel_for(outer * inner, std::max<int64_t>(1, pointwise_grain / 8 / n), [&](int64_t begin, int64_t end) {
      if (inner == 1) return f(begin * n, end - begin);
      while (begin < end) {
        const int64_t i = begin % inner, count = std::min(inner - i, end - begin);
        f(begin / inner * n * inner + i, count);
        begin += count;
      }
    });
  }
};
void forward_f64(bool log, int64_t n, int64_t step, const double* x, double* y) {
  double m = x[0], sum = 0;
  for (int64_t k = 1; k < n; ++k) m = std::max(m, x[k * step]);
  for (int64_t k = 0; k < n; ++k) sum += std::exp(x[k * step] - m);
  for (int64_t k = 0; k < n; ++k) y[k * step] = log ? x[k * step] - m - std::log(sum) : std::exp(x[k * step] - m) / sum;
}
void backward_f64(bool log, int64_t n, int64_t step, const double* y, const double* dy, double* dx) {
  double s = 0;
  for (int64_t k = 0; k < n; ++k) s += log ? dy[k * step] : dy[k * step] * y[k * step];
  for (int64_t k = 0; k < n; ++k) dx[k * step] = log ? dy[k * step] - std::exp(y[k * step]) * s : y[k * step] * (dy[k * step] - s);
}
}  // namespace

void op::Softmax::forward(const Cpu&, const Tensor& x, Tensor& y) const {
  if (x.size() == 0) return;
  const Slices s(x, dim);
  if (x.dtype() == f64) {
    for (int64_t i = 0; i < s.outer * s.inner; ++i) {
      const int64_t at = i / s.inner * s.n * s.inner + i % s.inner;
      forward_f64(log, s.n, s.inner, x.data<double>() + at, output<double>(y) + at);
    }
    return;
  }
  const Tensor wide = widened(x);
  Widened wide_y(y);
  s.each([&](int64_t at, int64_t count) {
    const float* from = wide.data<float>() + at;
    float* to = output<float>(*wide_y) + at;
    if (s.inner == 1) table().rows(log, count, s.n, from, to); else table().columns(log, s.n, s.inner, count, from, to);
  });
}

void op::Softmax::backward(const Cpu&, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const {
  if (x.size() == 0) return;
  const Slices s(x, dim);
  if (x.dtype() == f64) {
    for (int64_t i = 0; i < s.outer * s.inner; ++i) {
      const int64_t at = i / s.inner * s.n * s.inner + i % s.inner;
      backward_f64(log, s.n, s.inner, y.data<double>() + at, dy.data<double>() + at, output<double>(dx) + at);
    }
    return;
  }
  const Tensor wide_y = widened(y), wide_dy = widened(dy);
  Widened wide_dx(dx);
  s.each([&](int64_t at, int64_t count) {
    const float *py = wide_y.data<float>() + at, *pd = wide_dy.data<float>() + at;
    float* to = output<float>(*wide_dx) + at;
    if (s.inner == 1) table().rows_back(log, count, s.n, py, pd, to); else table().columns_back(log, s.n, s.inner, count, py, pd, to);
  });
}

}  // namespace mica
