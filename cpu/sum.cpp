#include "mica/cpu/fold.h"
#include "mica/cpu/half.h"
#include "mica/cpu/isa.h"
#include "mica/cpu/reduce_table.h"

namespace mica {
namespace {
const ReduceTable& table() {
  static const ReduceTable& chosen = pick(v2::reduce, v3::reduce, v4::reduce);
  return chosen;
}

// Blocks of floats are added up in vectors and kept in double, which costs nothing beside the memory traffic and loses nothing.
template <class X> struct Sum {
  static constexpr bool real = std::is_floating_point_v<Compute<X>>;
  using Acc = std::conditional_t<real, double, int64_t>;
  Acc start() const { return 0; }
  void add(Acc& total, X v, int64_t) const { total += Acc(Compute<X>(v)); }
  void merge(Acc& total, Acc later) const { total += later; }
  Acc finish(Acc total) const { return total; }

  void row(Acc& total, const X* x, int64_t n) const requires std::is_same_v<X, float> { total += table().sum(x, n); }
  void row(Acc& total, const X* x, int64_t n) const requires (real && sizeof(X) == 2) {
    float wide[1024];
    for (int64_t at = 0; at < n; at += 1024) {
      const int64_t m = std::min<int64_t>(n - at, 1024);
      convert(x + at, wide, m);
      total += table().sum(wide, m);
    }
  }
  void columns(Acc* total, const X* x, int64_t columns, int64_t rows, int64_t stride) const requires std::is_same_v<X, float> {
    if (stride == columns && columns <= 32 && rows >= (columns < 8 ? 128 : 1024)) {  // 16 short rows without gaps are one long row
      double wide[16 * 32];
      std::fill_n(wide, 16 * columns, 0.0);
      table().add_rows(x, rows / 16, 16 * columns, 16 * columns, wide);
      for (int64_t r = 0; r < 16; ++r) for (int64_t c = 0; c < columns; ++c) total[c] += wide[r * columns + c];
      x += rows / 16 * 16 * columns;
      rows %= 16;
    }
    table().add_rows(x, rows, stride, columns, total);
  }
  void columns(Acc* total, const X* x, int64_t columns, int64_t rows, int64_t stride) const requires (real && sizeof(X) == 2) {
    constexpr int64_t group = 16;
    float wide[group * add_columns];
    for (int64_t r0 = 0; r0 < rows; r0 += group) {
      const int64_t m = std::min(group, rows - r0);
      for (int64_t r = 0; r < m; ++r) convert(x + (r0 + r) * stride, wide + r * columns, columns);
      table().add_rows(wide, m, columns, columns, total);
    }
  }
};
}  // namespace

void sum_kernel(const Cpu&, const Tensor& x, const Tensor& y) {
  dispatch(x.dtype(), [&]<class X>(X) { fold<X>(Sum<X>{}, x, y); });
}

}  // namespace mica
