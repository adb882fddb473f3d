#pragma once
#include "mica/cpu/simd/half.h"
// What kernels over rows of floats, or of 16-bit numbers computed as floats, share. For files of this folder: all of it exists once per instruction set.
namespace mica::MICA_ISA {

using Batch = xsimd::batch<float>;
constexpr int64_t width = Batch::size;

// Access to a whole batch, or to the first n < width elements of one; the other lanes are loaded as `other`.
struct Whole {
  Batch load(const float* p, float = 0) const { return Batch::load_unaligned(p); }
  template <class H> Batch load(const H* p, float = 0) const { return load_half(p); }
  void store(const Batch& v, float* p) const { v.store_unaligned(p); }
  template <class H> void store(const Batch& v, H* p) const { store_half(v, p); }
  Batch keep(const Batch& v) const { return v; }
};
struct Part {
  int64_t n;
  Batch load(const float* p, float other = 0) const {
    float t[width];
    for (int64_t i = 0; i < width; ++i) t[i] = i < n ? p[i] : other;
    return Batch::load_unaligned(t);
  }
  template <class H> Batch load(const H* p, float other = 0) const {
    H h[width];
    for (int64_t i = 0; i < n; ++i) h[i].bits = p[i].bits;
    float t[width];
    load_half(h).store_unaligned(t);
    return load(t, other);
  }
  void store(const Batch& v, float* p) const {
    float t[width];
    v.store_unaligned(t);
    for (int64_t i = 0; i < n; ++i) p[i] = t[i];
  }
  template <class H> void store(const Batch& v, H* p) const {
    H h[width];
    store_half(v, h);
    for (int64_t i = 0; i < n; ++i) p[i].bits = h[i].bits;
  }
  Batch keep(const Batch& v) const {  // 0 in the other lanes
    float t[width];
    v.store_unaligned(t);
    return load(t);
  }
};

inline float lane_sum(const Batch& v) {
  float t[width], s = 0;
  v.store_unaligned(t);
  for (float x : t) s += x;
  return s;
}
inline float lane_max(const Batch& v) {
  float t[width];
  v.store_unaligned(t);
  float m = t[0];
  for (float x : t) m = x > m ? x : m;
  return m;
}

// f(access, i) for the batches of a row of n floats.
template <class F> [[gnu::always_inline]] inline void each(int64_t n, const F& f) {
  int64_t i = 0;
  for (; i + width <= n; i += width) f(Whole{}, i);
  if (i < n) f(Part{n - i}, i);
}
// The sum of f(access, i), a batch, over a row; what f gives for lanes beyond the row does not count. Four sums: each addition waits for an
// earlier one.
template <class F> [[gnu::always_inline]] inline float sum_of(int64_t n, const F& f) {
  Batch a(0.f), b(0.f), c(0.f), d(0.f);
  int64_t i = 0;
  for (; i + 4 * width <= n; i += 4 * width) {
    a += f(Whole{}, i);
    b += f(Whole{}, i + width);
    c += f(Whole{}, i + 2 * width);
    d += f(Whole{}, i + 3 * width);
  }
  for (; i + width <= n; i += width) a += f(Whole{}, i);
  if (i < n) b += Part{n - i}.keep(f(Part{n - i}, i));
  return lane_sum((a + b) + (c + d));
}

}  // namespace mica::MICA_ISA
