#include <cstring>
#include <xsimd/xsimd.hpp>
#include "mica/cpu/pool2d_table.h"
// Pooling runs along the channels, as wide as they allow: the last batch of a pixel overlaps the one before, so that there is no tail.
namespace mica::MICA_ISA {
namespace {
// V is a batch, or float where a pixel has fewer than 4 channels.
template <class V> constexpr int64_t width_of() { if constexpr (std::is_same_v<V, float>) return 1; else return V::size; }
template <class V> V get(const float* p) { if constexpr (std::is_same_v<V, float>) return *p; else return V::load_unaligned(p); }
template <class V> void put(float* p, const V& v) { if constexpr (std::is_same_v<V, float>) *p = v; else v.store_unaligned(p); }
template <class M, class V> V choose(const M& m, const V& a, const V& b) { if constexpr (std::is_same_v<V, float>) return m ? a : b; else return xsimd::select(m, a, b); }
template <class V> void put_bytes(uint8_t* p, const V& v) {
  if constexpr (std::is_same_v<V, float>) *p = uint8_t(v);
  else {
    int32_t t[V::size];
    xsimd::to_int(v).store_unaligned(t);
    for (unsigned i = 0; i < V::size; ++i) p[i] = uint8_t(t[i]);
  }
}
template <class V> V get_bytes(const uint8_t* p) {
  if constexpr (std::is_same_v<V, float>) return float(*p);
  else {
    float t[V::size];
    for (unsigned i = 0; i < V::size; ++i) t[i] = float(p[i]);
    return V::load_unaligned(t);
  }
}
// f(k) for batches from channel k on.
template <class V, class F> void over_channels(int64_t c, F&& f) {
  constexpr int64_t width = width_of<V>();
  int64_t k = 0;
  for (; k + width <= c; k += width) f(k);
  if (k < c) f(c - width);
}

// fixed: the window is fixed x fixed (0: as the tables say).
template <class V, int fixed, bool indexed> void max_rows(const PoolShape& s, const float* x, float* y, uint8_t* index, int64_t begin, int64_t end) {
  const int64_t c = s.c, row = s.w.in * c, down = s.h.step * row, right = s.w.step * c;
  for (int64_t r = begin; r < end; ++r) {
    const PoolWindow wh = s.h.windows[r % s.h.out];
    const float* image = x + (r / s.h.out * s.h.in + wh.begin) * row;
    for (int64_t o = 0; o < s.w.out; ++o) {
      const PoolWindow ww = s.w.windows[o];
      const float* corner = image + ww.begin * c;
      const int64_t pixel = (r * s.w.out + o) * c;
      const int h = fixed ? fixed : wh.size, w = fixed ? fixed : ww.size;
      over_channels<V>(c, [&](int64_t k) {
        V best(-HUGE_VALF), number(0.f);
        const float* line = corner + k;
        for (int i = 0; i < h; ++i, line += down)
          for (int j = 0; j < w; ++j) {
            const V v = get<V>(line + j * right);
            const int tap = fixed ? i * fixed + j : int((wh.first + i) * s.w.taps + ww.first + j);
            if (i + j == 0) { best = v; number = V(float(tap)); continue; }
            const auto m = (v > best) | !(v == v);
            best = choose(m, v, best);
            if constexpr (indexed) number = choose(m, V(float(tap)), number);
          }
        put(y + pixel + k, best);
        if constexpr (indexed) put_bytes(index + pixel + k, number);
      });
    }
  }
}

// Disjoint windows: rows of y, each with the rows of x from its window on to the next one's. value(y offset, divisor) -> tap -> dx.
template <class V, int fixed, class F> void rows_back(const PoolShape& s, float* dx, int64_t begin, int64_t end, F&& value) {
  const int64_t c = s.c, row = s.w.in * c;
  for (int64_t r = begin; r < end; ++r) {
    const int64_t oh = r % s.h.out;
    const PoolWindow wh = s.h.windows[oh];
    const int64_t from = oh ? wh.begin : 0, to = oh + 1 < s.h.out ? s.h.windows[oh + 1].begin : s.h.in;
    float* image = dx + r / s.h.out * s.h.in * row;
    if (!s.h.covers || !s.w.covers) std::memset(image + from * row, 0, size_t((to - from) * row) * sizeof(float));
    for (int64_t o = 0; o < s.w.out; ++o) {
      const PoolWindow ww = s.w.windows[o];
      const int h = fixed ? fixed : wh.size, w = fixed ? fixed : ww.size;
      over_channels<V>(c, [&](int64_t k) {
        const auto dx_of = value((r * s.w.out + o) * c + k, float(int64_t(wh.divisor) * ww.divisor));
        float* line = image + wh.begin * row + ww.begin * c + k;
        for (int i = 0; i < h; ++i, line += row)
          for (int j = 0; j < w; ++j) put(line + j * c, dx_of(fixed ? i * fixed + j : int((wh.first + i) * s.w.taps + ww.first + j)));
      });
    }
  }
}
template <class V, int fixed> void max_rows_back(const PoolShape& s, const float* dy, const uint8_t* index, float* dx, int64_t begin, int64_t end) {
  rows_back<V, fixed>(s, dx, begin, end, [&](int64_t y, float) {
    return [d = get<V>(dy + y), number = get_bytes<V>(index + y)](int tap) { return choose(number == V(float(tap)), d, V(0.f)); };
  });
}
template <class V, int fixed> void avg_rows_back(const PoolShape& s, const float* dy, float* dx, int64_t begin, int64_t end) {
  rows_back<V, fixed>(s, dx, begin, end, [&](int64_t y, float divisor) { return [d = get<V>(dy + y) / V(divisor)](int) { return d; }; });
}

// Every x gathers from the windows that have it. f(dy offset, tap number or divisor of the mean) for each.
template <class F> void over_readers(const PoolShape& s, int64_t ih, int64_t iw, F&& f) {
  const PoolReaders rh = s.h.readers[ih], rw = s.w.readers[iw];
  for (int64_t oh = rh.begin; oh < rh.end; ++oh) {
    const PoolWindow wh = s.h.windows[oh];
    const int64_t th = (ih - wh.begin) / s.h.step;
    if (th * s.h.step != ih - wh.begin || th >= wh.size) continue;
    for (int64_t ow = rw.begin; ow < rw.end; ++ow) {
      const PoolWindow ww = s.w.windows[ow];
      const int64_t tw = (iw - ww.begin) / s.w.step;
      if (tw * s.w.step != iw - ww.begin || tw >= ww.size) continue;
      f((oh * s.w.out + ow) * s.c, (wh.first + th) * s.w.taps + ww.first + tw, float(int64_t(wh.divisor) * ww.divisor));
    }
  }
}
template <class V> void max_gather(const PoolShape& s, const float* dy, const uint8_t* index, float* dx, int64_t begin, int64_t end) {
  for (int64_t r = begin; r < end; ++r) {
    const int64_t image = r / s.h.in * s.h.out * s.w.out * s.c;
    for (int64_t iw = 0; iw < s.w.in; ++iw) {
      float* to = dx + (r * s.w.in + iw) * s.c;
      std::memset(to, 0, size_t(s.c) * sizeof(float));
      over_readers(s, r % s.h.in, iw, [&](int64_t o, int64_t tap, float) {
        int64_t k = 0;
        for (; k + width_of<V>() <= s.c; k += width_of<V>())
          put(to + k, get<V>(to + k) + choose(get_bytes<V>(index + image + o + k) == V(float(tap)), get<V>(dy + image + o + k), V(0.f)));
        for (; k < s.c; ++k) to[k] += index[image + o + k] == tap ? dy[image + o + k] : 0.f;
      });
    }
  }
}

template <class V, int fixed> void avg_rows(const PoolShape& s, const float* x, float* y, int64_t begin, int64_t end) {
  const int64_t c = s.c, row = s.w.in * c;
  for (int64_t r = begin; r < end; ++r) {
    const PoolWindow wh = s.h.windows[r % s.h.out];
    const float* image = x + (r / s.h.out * s.h.in + wh.begin) * row;
    for (int64_t o = 0; o < s.w.out; ++o) {
      const PoolWindow ww = s.w.windows[o];
      const float* corner = image + ww.begin * c;
      const int64_t pixel = (r * s.w.out + o) * c;
      const int h = fixed ? fixed : wh.size, w = fixed ? fixed : ww.size;
      const V divisor(float(int64_t(wh.divisor) * ww.divisor));
      over_channels<V>(c, [&](int64_t k) {
        V sum(0.f);
        const float* line = corner + k;
        for (int i = 0; i < h; ++i, line += row)
          for (int j = 0; j < w; ++j) sum = sum + get<V>(line + j * c);
        put(y + pixel + k, sum / divisor);
      });
    }
  }
}
template <class V> void avg_gather(const PoolShape& s, const float* dy, float* dx, int64_t begin, int64_t end) {
  for (int64_t r = begin; r < end; ++r) {
    const int64_t image = r / s.h.in * s.h.out * s.w.out * s.c;
    for (int64_t iw = 0; iw < s.w.in; ++iw) {
      float* to = dx + (r * s.w.in + iw) * s.c;
      over_channels<V>(s.c, [&](int64_t k) {
        V sum(0.f);
        over_readers(s, r % s.h.in, iw, [&](int64_t o, int64_t, float divisor) { sum = sum + get<V>(dy + image + o + k) / V(divisor); });
        put(to + k, sum);
      });
    }
  }
}

// Calls f with the widest batch that the channels fill.
template <class F> void by_width(int64_t c, F&& f) {
  using Four = xsimd::make_sized_batch_t<float, 4>;
  if constexpr (xsimd::batch<float>::size > 8) if (c >= 16) return f(xsimd::batch<float>());
  if constexpr (xsimd::batch<float>::size >= 8) if (c >= 8) return f(xsimd::make_sized_batch_t<float, 8>());
  if (c >= 4) return f(Four());
  f(0.f);
}
bool two_by_two(const PoolShape& s) {
  for (const PoolAxis* a : {&s.h, &s.w}) {
    if (a->taps != 2 || a->step != 1) return false;
    for (int64_t o = 0; o < a->out; ++o) if (a->windows[o].size != 2) return false;
  }
  return true;
}

void max_forward(const PoolShape& s, const float* x, float* y, uint8_t* index, int64_t begin, int64_t end) {
  const bool two = two_by_two(s);
  by_width(s.c, [&](auto v) {
    using V = decltype(v);
    if (two) index ? max_rows<V, 2, true>(s, x, y, index, begin, end) : max_rows<V, 2, false>(s, x, y, index, begin, end);
    else index ? max_rows<V, 0, true>(s, x, y, index, begin, end) : max_rows<V, 0, false>(s, x, y, index, begin, end);
  });
}
void max_backward(const PoolShape& s, const float* dy, const uint8_t* index, float* dx, int64_t begin, int64_t end) {
  const bool disjoint = s.h.disjoint && s.w.disjoint, two = two_by_two(s);
  by_width(s.c, [&](auto v) {
    using V = decltype(v);
    if (!disjoint) max_gather<V>(s, dy, index, dx, begin, end);
    else if (two) max_rows_back<V, 2>(s, dy, index, dx, begin, end);
    else max_rows_back<V, 0>(s, dy, index, dx, begin, end);
  });
}
void avg_forward(const PoolShape& s, const float* x, float* y, int64_t begin, int64_t end) {
  const bool two = two_by_two(s);
  by_width(s.c, [&](auto v) {
    using V = decltype(v);
    two ? avg_rows<V, 2>(s, x, y, begin, end) : avg_rows<V, 0>(s, x, y, begin, end);
  });
}
void avg_backward(const PoolShape& s, const float* dy, float* dx, int64_t begin, int64_t end) {
  const bool disjoint = s.h.disjoint && s.w.disjoint, two = two_by_two(s);
  by_width(s.c, [&](auto v) {
    using V = decltype(v);
    if (!disjoint) avg_gather<V>(s, dy, dx, begin, end);
    else if (two) avg_rows_back<V, 2>(s, dy, dx, begin, end);
    else avg_rows_back<V, 0>(s, dy, dx, begin, end);
  });
}
}  // namespace
constinit const Pool2dTable pool2d{&max_forward, &max_backward, &avg_forward, &avg_backward};
}  // namespace mica::MICA_ISA
