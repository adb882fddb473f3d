#include <immintrin.h>
#include "mica/cpu/batch_norm_table.h"
#include "mica/cpu/simd/batch.h"
// Memory is the limit: measured in GB/s read + written on one thread (AVX2), 32 MB: normalize 28, a copy 21; the same with four rows at a time
// and without prefetch and streaming stores: 12.
namespace mica::MICA_ISA {
constexpr int64_t ahead = 8192;  // bytes. Several streams confuse the hardware's prefetcher: sums were half as fast without this

// `next` loads what is read once, from memory; `put` stores results.
struct Direct : Whole {
  template <class T> Batch next(const T* p) const { __builtin_prefetch(reinterpret_cast<const char*>(p) + ahead); return load(p); }
  template <class T> void put(const Batch& v, T* p) const { store(v, p); }
};
struct Streaming : Direct {  // past the caches: what is larger than they are need not be read before it is written
#if defined(__AVX512F__)
  void put(const Batch& v, float* p) const { _mm512_stream_ps(p, v); }
#elif defined(__AVX2__)
  void put(const Batch& v, float* p) const { _mm256_stream_ps(p, v); }
#else
  void put(const Batch& v, float* p) const { _mm_stream_ps(p, v); }
#endif
};
struct Tail : Part {
  template <class T> Batch next(const T* p) const { return load(p); }
  template <class T> void put(const Batch& v, T* p) const { store(v, p); }
};

// f(access, offset in the first row, column, count) over all rows, `most` of them at once: then a column's sums wait for memory once.
template <int most, bool streams = false, class F> [[gnu::always_inline]] inline void walk(int64_t rows, int64_t p, const F& f) {
  auto some = [&]<int n>(int64_t r, std::integral_constant<int, n> count) {
    int64_t j = 0;
    for (; j + width <= p; j += width) f(std::conditional_t<streams, Streaming, Direct>{}, r * p + j, j, count);
    if (j < p) f(Tail{{p - j}}, r * p + j, j, count);
  };
  int64_t r = 0;
  for (; r + most <= rows; r += most) some(r, std::integral_constant<int, most>());
  for (; r < rows; ++r) some(r, std::integral_constant<int, 1>());
  if constexpr (streams) _mm_sfence();
}

template <class T> void moments(int64_t rows, int64_t p, const T* x, const float* origin, float* s1, float* s2) {
  walk<4>(rows, p, [=]<int n>(auto io, int64_t i, int64_t j, std::integral_constant<int, n>) {
    const Batch o = io.load(origin + j);
    Batch sum = io.load(s1 + j), squares = io.load(s2 + j);
    for (int k = 0; k < n; ++k) {
      const Batch d = io.next(x + i + k * p) - o;
      sum += d;
      squares = xsimd::fma(d, d, squares);
    }
    io.store(sum, s1 + j);
    io.store(squares, s2 + j);
  });
}

template <bool added, bool relu, bool streams, class T> void normalize_as(const BatchNormRows& r, const T* x, const T* add, T* y) {
  walk<1, streams>(r.rows, r.p, [=, p = r.p, mean = r.mean, scale = r.scale, shift = r.shift]<int n>(auto io, int64_t i, int64_t j, std::integral_constant<int, n>) {
    const Batch m = io.load(mean + j), a = io.load(scale + j), b = io.load(shift + j);
    for (int k = 0; k < n; ++k) {
      Batch v = xsimd::fma(io.next(x + i + k * p) - m, a, b);
      if constexpr (added) v += io.next(add + i + k * p);
      if constexpr (relu) v = xsimd::select(v < Batch(0.f), Batch(0.f), v);
      io.put(v, y + i + k * p);
    }
  });
}
template <bool added, bool relu, class T> void normalize_to(const BatchNormRows& r, const T* x, const T* add, T* y) {
  if constexpr (std::is_same_v<T, float>) if (r.streams) return normalize_as<added, relu, true>(r, x, add, y);
  normalize_as<added, relu, false>(r, x, add, y);
}
template <class T> void normalize(const BatchNormRows& r, const T* x, const T* add, bool relu, T* y) {
  if (add) relu ? normalize_to<true, true>(r, x, add, y) : normalize_to<true, false>(r, x, add, y);
  else relu ? normalize_to<false, true>(r, x, add, y) : normalize_to<false, false>(r, x, add, y);
}

template <Mask mask> [[gnu::always_inline]] inline Batch masked(const Batch& dy, const Batch& d, const Batch& y, const Batch& scale, const Batch& shift) {
  if constexpr (mask == Mask::from_x) return xsimd::select(xsimd::fma(d, scale, shift) > Batch(0.f), dy, Batch(0.f));
  else if constexpr (mask == Mask::from_y) return xsimd::select(y > Batch(0.f), dy, Batch(0.f));
  else return dy;
}
template <Mask mask, bool writes, bool streams, class T> void reduce_as(const BatchNormRows& r, const T* x, const T* y, const T* dy, float* s1, float* s2, T* out) {
  walk<1, streams>(r.rows, r.p, [=, p = r.p, mean = r.mean, scale = r.scale, shift = r.shift]<int n>(auto io, int64_t i, int64_t j, std::integral_constant<int, n>) {
    const Batch m = io.load(mean + j), a = io.load(scale + j), b = io.load(shift + j);
    Batch sum = io.load(s1 + j), products = io.load(s2 + j);
    for (int k = 0; k < n; ++k) {
      const int64_t at = i + k * p;
      const Batch d = io.next(x + at) - m;
      const Batch g = masked<mask>(io.next(dy + at), d, mask == Mask::from_y ? io.next(y + at) : d, a, b);
      sum += g;
      products = xsimd::fma(g, d, products);
      if constexpr (writes) io.put(g, out + at);
    }
    io.store(sum, s1 + j);
    io.store(products, s2 + j);
  });
}
template <class T> void reduce(const BatchNormRows& r, Mask mask, const T* x, const T* y, const T* dy, float* s1, float* s2, T* out) {
  if constexpr (std::is_same_v<T, float>) if (mask == Mask::from_y && out && r.streams) return reduce_as<Mask::from_y, true, true>(r, x, y, dy, s1, s2, out);
  if (mask == Mask::none) reduce_as<Mask::none, false, false>(r, x, y, dy, s1, s2, out);
  else if (mask == Mask::from_x) reduce_as<Mask::from_x, false, false>(r, x, y, dy, s1, s2, out);
  else if (out) reduce_as<Mask::from_y, true, false>(r, x, y, dy, s1, s2, out);
  else reduce_as<Mask::from_y, false, false>(r, x, y, dy, s1, s2, out);
}

template <Mask mask, bool streams, class T> void gradient_as(const BatchNormRows& r, const T* x, const T* y, const T* dy, const float* a, const float* b, const float* k, T* dx) {
  walk<1, streams>(r.rows, r.p, [=, p = r.p, mean = r.mean, scale = r.scale, shift = r.shift]<int n>(auto io, int64_t i, int64_t j, std::integral_constant<int, n>) {
    const Batch m = io.load(mean + j), ga = io.load(a + j), gb = io.load(b + j), gk = io.load(k + j);
    const Batch fa = mask == Mask::from_x ? io.load(scale + j) : m, fb = mask == Mask::from_x ? io.load(shift + j) : m;
    for (int q = 0; q < n; ++q) {
      const int64_t at = i + q * p;
      const Batch d = io.next(x + at) - m;
      const Batch g = masked<mask>(io.next(dy + at), d, mask == Mask::from_y ? io.next(y + at) : d, fa, fb);
      io.put(xsimd::fma(ga, g, xsimd::fma(gb, d, gk)), dx + at);
    }
  });
}
template <Mask mask, class T> void gradient_to(const BatchNormRows& r, const T* x, const T* y, const T* dy, const float* a, const float* b, const float* k, T* dx) {
  if constexpr (std::is_same_v<T, float>) if (r.streams) return gradient_as<mask, true>(r, x, y, dy, a, b, k, dx);
  gradient_as<mask, false>(r, x, y, dy, a, b, k, dx);
}
template <class T> void gradient(const BatchNormRows& r, Mask mask, const T* x, const T* y, const T* dy, const float* a, const float* b, const float* k, T* dx) {
  if (mask == Mask::none) gradient_to<Mask::none>(r, x, y, dy, a, b, k, dx);
  else if (mask == Mask::from_x) gradient_to<Mask::from_x>(r, x, y, dy, a, b, k, dx);
  else gradient_to<Mask::from_y>(r, x, y, dy, a, b, k, dx);
}

template <class T> constexpr BatchNormTable<T> table{&moments<T>, &normalize<T>, &reduce<T>, &gradient<T>};
constinit const BatchNormTables batch_norm{table<float>, table<bfloat16>, table<float16>};
}  // namespace mica::MICA_ISA
