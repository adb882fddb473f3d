#include <limits>
#include <xsimd/xsimd.hpp>
#include "mica/cpu/reduce_table.h"

namespace mica::MICA_ISA {
using Batch = xsimd::batch<float>;
constexpr int64_t width = Batch::size;
constexpr int64_t depth = 256;  // floats added up in one lane before it goes into a double: the error stays below 64 eps

template <bool squares> double sum_of(const float* x, int64_t n) {
  constexpr int lanes = 4;
  double total = 0;
  int64_t i = 0;
  while (i + lanes * width <= n) {
    const int64_t end = i + lanes * width * std::min<int64_t>(depth, (n - i) / (lanes * width));
    Batch sum[lanes] = {Batch(0.f), Batch(0.f), Batch(0.f), Batch(0.f)};
    for (; i < end; i += lanes * width)
      for (int k = 0; k < lanes; ++k) {
        const Batch v = Batch::load_unaligned(x + i + k * width);
        if constexpr (squares) sum[k] = xsimd::fma(v, v, sum[k]); else sum[k] += v;
      }
    total += xsimd::hadd((sum[0] + sum[1]) + (sum[2] + sum[3]));
  }
  for (; i < n; ++i) total += squares ? double(x[i]) * x[i] : double(x[i]);
  return total;
}

template <bool largest> float extreme_of(const float* x, int64_t n) {
  constexpr int lanes = 4;
  constexpr float start = largest ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity();
  auto better = [](auto v, auto than) { if constexpr (largest) return v > than; else return v < than; };
  auto pick = [&](const Batch& v, const Batch& than) { return xsimd::select(better(v, than) | !(v == v), v, than); };  // xsimd's != is false of NaN in AVX
  float best = start;
  int64_t i = 0;
  if (n >= lanes * width) {
    Batch b[lanes] = {Batch(start), Batch(start), Batch(start), Batch(start)};
    for (; i + lanes * width <= n; i += lanes * width)
      for (int k = 0; k < lanes; ++k) b[k] = pick(Batch::load_unaligned(x + i + k * width), b[k]);
    float lane[width];
    pick(pick(b[0], b[1]), pick(b[2], b[3])).store_unaligned(lane);
    for (float v : lane) best = better(v, best) || v != v ? v : best;
  }
  for (; i < n; ++i) best = better(x[i], best) || x[i] != x[i] ? x[i] : best;
  return best;
}

// Sixteen rows at a time into a strip of four batches; after `depth` rows the floats go into the doubles.
void add_rows(const float* x, int64_t rows, int64_t stride, int64_t columns, double* total) {
  constexpr int64_t group = 16, strip = 4;
  float sum[add_columns];
  for (int64_t begin = 0; begin < rows; begin += depth) {
    const int64_t end = std::min(rows, begin + depth);
    for (int64_t c = 0; c < columns; ++c) sum[c] = 0;
    for (int64_t r0 = begin; r0 < end; r0 += group) {
      const int64_t r1 = std::min(end, r0 + group);
      int64_t c = 0;
      for (; c + strip * width <= columns; c += strip * width) {
        Batch s[strip];
        for (int k = 0; k < strip; ++k) s[k] = Batch::load_unaligned(sum + c + k * width);
        for (int64_t r = r0; r < r1; ++r)
          for (int k = 0; k < strip; ++k) s[k] += Batch::load_unaligned(x + r * stride + c + k * width);
        for (int k = 0; k < strip; ++k) s[k].store_unaligned(sum + c + k * width);
      }
      for (; c + width <= columns; c += width) {
        Batch s = Batch::load_unaligned(sum + c);
        for (int64_t r = r0; r < r1; ++r) s += Batch::load_unaligned(x + r * stride + c);
        s.store_unaligned(sum + c);
      }
      for (; c < columns; ++c)
        for (int64_t r = r0; r < r1; ++r) sum[c] += x[r * stride + c];
    }
    for (int64_t c = 0; c < columns; ++c) total[c] += sum[c];
  }
}
constinit const ReduceTable reduce{&sum_of<false>, &sum_of<true>, &extreme_of<true>, &extreme_of<false>, &add_rows};
}  // namespace mica::MICA_ISA
