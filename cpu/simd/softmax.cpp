#include "mica/cpu/softmax_table.h"
#include "mica/cpu/simd/exp_sum.h"

namespace mica::MICA_ISA {
void softmax_rows(bool log, int64_t rows, int64_t n, const float* x, float* y) {
  for (int64_t r = 0; r < rows; ++r, x += n, y += n) {
    const Batch m(largest(x, n));
    const float sum = sum_of(n, [=](auto io, int64_t i) {
      const Batch e = xsimd::exp(io.load(x + i) - m);
      if (!log) io.store(e, y + i);
      return e;
    });
    const Batch f(log ? log_of(sum) : 1 / sum);
    each(n, [=](auto io, int64_t i) { io.store(log ? io.load(x + i) - m - f : io.load(y + i) * f, y + i); });
  }
}
void softmax_rows_back(bool log, int64_t rows, int64_t n, const float* y, const float* dy, float* dx) {
  for (int64_t r = 0; r < rows; ++r, y += n, dy += n, dx += n) {
    const Batch s(sum_of(n, [=](auto io, int64_t i) { return log ? io.load(dy + i) : io.load(dy + i) * io.load(y + i); }));
    each(n, [=](auto io, int64_t i) {
      const Batch v = io.load(y + i), d = io.load(dy + i);
      io.store(log ? d - xsimd::exp(v) * s : v * (d - s), dx + i);
    });
  }
}
void softmax_columns(bool log, int64_t n, int64_t inner, int64_t count, const float* x, float* y) {
  each(count, [=](auto io, int64_t j) {
    Batch m(-__builtin_inff()), sum(0.f);
    for (int64_t k = 0; k < n; ++k) m = xsimd::max(m, io.load(x + k * inner + j));
    for (int64_t k = 0; k < n; ++k) {
      const Batch e = xsimd::exp(io.load(x + k * inner + j) - m);
      sum += e;
      if (!log) io.store(e, y + k * inner + j);
    }
    const Batch f = log ? xsimd::log(sum) : Batch(1.f) / sum;
    for (int64_t k = 0; k < n; ++k) {
      const int64_t i = k * inner + j;
      io.store(log ? io.load(x + i) - m - f : io.load(y + i) * f, y + i);
    }
  });
}
void softmax_columns_back(bool log, int64_t n, int64_t inner, int64_t count, const float* y, const float* dy, float* dx) {
  each(count, [=](auto io, int64_t j) {
    Batch s(0.f);
    for (int64_t k = 0; k < n; ++k) {
      const Batch d = io.load(dy + k * inner + j);
      s += log ? d : d * io.load(y + k * inner + j);
    }
    for (int64_t k = 0; k < n; ++k) {
      const int64_t i = k * inner + j;
      const Batch v = io.load(y + i), d = io.load(dy + i);
      io.store(log ? d - xsimd::exp(v) * s : v * (d - s), dx + i);
    }
  });
}

constinit const SoftmaxTable softmax{&softmax_rows, &softmax_rows_back, &softmax_columns, &softmax_columns_back};
}  // namespace mica::MICA_ISA
