#include <immintrin.h>
#include <algorithm>
#include <utility>
#include <xsimd/xsimd.hpp>
#include "mica/cpu/tile_table.h"

namespace mica::MICA_ISA {
using Batch = xsimd::batch<float>;
constexpr int size = int(Batch::size), narrow_rows = 8, wide_rows = size == 16 ? 8 : 6;  // wide: 12 sums (16 of 32 registers), two of b, one of a

// c[0..n) = v + from[0..n), n at most the batch's size; from may be null.
template <class V> void store_part(const V& v, int n, const float* from, float* c) {
  alignas(64) float part[V::size];
  v.store_aligned(part);
  for (int j = 0; j < n; ++j) c[j] = part[j] + (from ? from[j] : 0.0f);
}
#if defined(__AVX512VL__)
void store_part(const xsimd::batch<float>& v, int n, const float* from, float* c) {
  const auto mask = __mmask16((1u << n) - 1);
  _mm512_mask_storeu_ps(c, mask, from ? _mm512_add_ps(v, _mm512_maskz_loadu_ps(mask, from)) : __m512(v));
}
void store_part(const xsimd::make_sized_batch_t<float, 8>& v, int n, const float* from, float* c) {
  const auto mask = __mmask8((1u << n) - 1);
  _mm256_mask_storeu_ps(c, mask, from ? _mm256_add_ps(v, _mm256_maskz_loadu_ps(mask, from)) : __m256(v));
}
#endif

// rows x (width batches) sums in registers; each step reads `width` batches of b and one number from each row of a.
template <int rows, class Batch, int width> void tile(const Tile& t) {
  constexpr int size = int(Batch::size);
  Batch sum[rows][width];
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 2
    for (int v = 0; v < width; ++v) sum[i][v] = Batch(0.0f);
  const float* b = t.b;
  for (int64_t run = 0; run < t.runs; ++run) {
    const float* a[rows];
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) a[i] = t.a[run * t.row_step + i] + t.offset;
    for (int64_t k = 0; k < t.length; ++k, b += width * size) {
      Batch y[width];
#pragma GCC unroll 2
      for (int v = 0; v < width; ++v) y[v] = Batch::load_aligned(b + v * size);
#pragma GCC unroll 8
      for (int i = 0; i < rows; ++i) {
        const Batch x = Batch::broadcast(a[i][k]);
#pragma GCC unroll 2
        for (int v = 0; v < width; ++v) sum[i][v] = xsimd::fma(x, y[v], sum[i][v]);
      }
    }
  }
  if (t.columns == width * size) {
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 2
      for (int v = 0; v < width; ++v) {
        float* c = t.c + i * t.c_step + v * size;
        if (t.add) sum[i][v] += Batch::load_unaligned(c);
        else if (t.bias) sum[i][v] += Batch::load_unaligned(t.bias + v * size);
        sum[i][v].store_unaligned(c);
      }
    return;
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 2
    for (int v = 0; v < width; ++v) {
      if (v * size >= t.columns) continue;
      float* c = t.c + i * t.c_step + v * size;
      store_part(sum[i][v], std::min(size, t.columns - v * size), t.add ? c : t.bias ? t.bias + v * size : nullptr, c);
    }
}

template <int rows> void dot_rows(const Dots& d, int64_t at) {
  Batch sum[rows][2];
  for (int i = 0; i < rows; ++i) sum[i][0] = sum[i][1] = Batch(0.0f);
  const float* w = d.w + at * d.w_step;
  int64_t k = 0;
  for (; k + 2 * size <= d.k; k += 2 * size) {
    const Batch x0 = Batch::load_unaligned(d.x + k), x1 = Batch::load_unaligned(d.x + k + size);
#pragma GCC unroll 4
    for (int i = 0; i < rows; ++i) {
      sum[i][0] = xsimd::fma(x0, Batch::load_unaligned(w + i * d.w_step + k), sum[i][0]);
      sum[i][1] = xsimd::fma(x1, Batch::load_unaligned(w + i * d.w_step + k + size), sum[i][1]);
    }
  }
  for (int i = 0; i < rows; ++i) {
    float total = xsimd::hadd(sum[i][0] + sum[i][1]);
    for (int64_t l = k; l < d.k; ++l) total += d.x[l] * w[i * d.w_step + l];
    float& y = d.y[at + i];
    y = total + (d.add ? y : d.bias ? d.bias[at + i] : 0.0f);
  }
}
void dots(const Dots& d) {
  int64_t i = 0;
  for (; i + 4 <= d.n; i += 4) dot_rows<4>(d, i);
  for (; i < d.n; ++i) dot_rows<1>(d, i);
}

template <int shape, int most, class Batch, int width, int... i> constexpr void fill(TileTable& t, std::integer_sequence<int, i...>) {
  ((t.tile[shape][i + 1] = &tile<i + 1, Batch, width>), ...);
  t.width[shape] = int(Batch::size) * width;
  t.rows[shape] = most;
}
constexpr TileTable make() {
  TileTable t{};
  using Narrow = std::conditional_t<size == 16, xsimd::make_sized_batch_t<float, 8>, Batch>;  // AVX-512: 8 lanes run at twice the rate on Zen 4
  fill<0, narrow_rows, Narrow, 1>(t, std::make_integer_sequence<int, narrow_rows>());
  fill<1, narrow_rows, Batch, 1>(t, std::make_integer_sequence<int, narrow_rows>());
  fill<2, wide_rows, Batch, 2>(t, std::make_integer_sequence<int, wide_rows>());
  t.dots = &dots;
  return t;
}
constinit const TileTable tiles = make();
}  // namespace mica::MICA_ISA
