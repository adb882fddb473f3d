#include "mica/cpu/layer_norm_table.h"
#include "mica/cpu/simd/batch.h"

namespace mica::MICA_ISA {
// The row stays in the nearest cache: its mean, then its spread around the mean (and what rounding took from the mean), then y.
template <class T> void layer_forward(int64_t rows, int64_t d, double eps, const T* x, const float* weight, const float* bias, T* y, double* mean, double* inverse_std) {
  for (int64_t r = 0; r < rows; ++r, x += d, y += d) {
    const float middle = sum_of(d, [=](auto io, int64_t i) { return io.load(x + i); }) / float(d);
    const Batch m(middle);
    Batch squares(0.f);
    const double rest = double(sum_of(d, [=, &squares](auto io, int64_t i) {
      const Batch v = io.keep(io.load(x + i) - m);
      squares = xsimd::fma(v, v, squares);
      return v;
    })) / double(d);
    mean[r] = double(middle) + rest;
    const double var = double(lane_sum(squares)) / double(d) - rest * rest;
    inverse_std[r] = 1 / __builtin_sqrt((var > 0 || var != var ? var : 0) + eps);  // NaN stays NaN
    const float scale = float(inverse_std[r]), shift = float(-rest * inverse_std[r]);
    const Batch a(scale), b(shift);
    each(d, [=](auto io, int64_t i) {
      Batch v = xsimd::fma(io.load(x + i) - m, a, b);
      if (weight) v *= io.load(weight + i);
      if (bias) v += io.load(bias + i);
      io.store(v, y + i);
    });
  }
}

template <class T> void layer_backward(int64_t rows, int64_t d, const T* x, const float* weight, const T* dy, const double* mean, const double* inverse_std, T* dx, float* dweight,
                                       float* dbias) {
  for (int64_t r = 0; r < rows; ++r, x += d, dy += d) {
    const float middle = float(mean[r]), scale = float(inverse_std[r]), shift = float((double(middle) - mean[r]) * inverse_std[r]);
    const Batch m(middle), a(scale), b(shift);
    Batch products(0.f);
    const float sum = sum_of(d, [=, &products](auto io, int64_t i) {
      const Batch normalized = xsimd::fma(io.load(x + i) - m, a, b), t = io.load(dy + i), g = weight ? t * io.load(weight + i) : t;
      if (dweight) io.store(xsimd::fma(t, normalized, io.load(dweight + i)), dweight + i);
      if (dbias) io.store(io.load(dbias + i) + t, dbias + i);
      products = xsimd::fma(g, normalized, products);  // g is 0 beyond the row
      return g;
    });
    if (!dx) continue;
    const Batch s(sum / float(d)), p(lane_sum(products) / float(d));
    each(d, [=](auto io, int64_t i) {
      const Batch normalized = xsimd::fma(io.load(x + i) - m, a, b), t = io.load(dy + i), g = weight ? t * io.load(weight + i) : t;
      io.store(a * (g - s - normalized * p), dx + i);
    });
    dx += d;
  }
}

template <class T> constexpr LayerNormTable<T> layer_table{&layer_forward<T>, &layer_backward<T>};
constinit const LayerNormTables layer_norm{layer_table<float>, layer_table<bfloat16>, layer_table<float16>};
}  // namespace mica::MICA_ISA
