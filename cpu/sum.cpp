#include "mica/core/kernels.h"
#include "mica/cpu/parallel.h"
#include "mica/cpu/strided.h"
// Sums over any set of dimensions, of any strides. Deterministic: the order depends on shape, strides and number of threads only.
namespace mica {
namespace {
// The element type sums are kept in: a block's sum in double costs nothing beside the memory traffic and loses nothing.
template <class T> using Accumulator = std::conditional_t<std::is_floating_point_v<Compute<T>>, double, int64_t>;

template <class T> Accumulator<T> sum_run(const T* x, int64_t n, int64_t stride) {
  Accumulator<T> total = 0;
  if constexpr (std::is_same_v<T, float>) {
    if (stride == 1) {  // 16 lanes of up to 256 floats each, then double: the compiler's vectors
      for (int64_t at = 0; at < n; at += 4096) {
        float lane[16] = {};
        const int64_t m = std::min<int64_t>(n - at, 4096);
        int64_t i = 0;
        for (; i + 16 <= m; i += 16) for (int j = 0; j < 16; ++j) lane[j] += x[at + i + j];
        for (float v : lane) total += v;
        for (; i < m; ++i) total += x[at + i];
      }
      return total;
    }
  }
  for (int64_t i = 0; i < n; ++i) total += Accumulator<T>(Compute<T>(x[i * stride]));
  return total;
}
template <class T> T rounded(Accumulator<T> v) {
  if constexpr (std::is_same_v<T, bool>) return v != 0; else return T(Compute<T>(v));
}
}  // namespace

void sum_kernel(const Cpu&, const Tensor& x, const Tensor& y) {
  // x's dimensions in two groups: kept (walked like y) and summed.
  Shape kept, summed;
  Strides kept_x, kept_y, summed_x;
  for (int i = 0; i < x.rank(); ++i) {
    if (y.shape()[i] == x.shape()[i]) { kept.push_back(x.shape()[i]); kept_x.push_back(x.strides()[i]); kept_y.push_back(y.strides()[i]); }
    else { summed.push_back(x.shape()[i]); summed_x.push_back(x.strides()[i]); }
  }
  dispatch(x.dtype(), [&]<class X>(X) {
    dispatch(y.dtype(), [&]<class Y>(Y) {
      constexpr bool built = std::is_same_v<X, Y> || (is_float(dtype_of<X>) ? is_float(dtype_of<Y>) : std::is_same_v<Y, int64_t>);
      if constexpr (!built) throw Error(std::string("a sum of ") + name_of(dtype_of<X>) + " is not kept in " + name_of(dtype_of<Y>));
      else {
        const Tensor in = alias(x, kept, kept_x, x.body().offset), out = alias(y, kept, kept_y, y.body().offset), part = alias(x, summed, summed_x, 0);
        const Tensor *outer[] = {&out, &in}, *inner[] = {&part};
        const Dims dy(outer), ds(inner);
        const X* from = output<X>(in);
        Y* to = output<Y>(out);
        if (dy.count == 0) return;
        const int last = dy.rank - 1;
        const bool columns = ds.rank > 0 && last >= 0 && dy.stride[1][last] == 1 && ds.stride[0][ds.rank - 1] != 1;
        if (!columns) {
          parallel_for(dy.count, std::max<int64_t>(1, pointwise_grain / std::max<int64_t>(1, ds.count)), [&](int64_t begin, int64_t end) {
            for_runs(dy, 0, begin, end, [&, at = begin](int64_t yo, int64_t n, int64_t ys) mutable {
              for_runs(dy, 1, at, at + n, [&](int64_t xo, int64_t m, int64_t xs) {
                for (int64_t i = 0; i < m; ++i) {
                  Accumulator<X> total = 0;
                  for_runs(ds, 0, 0, ds.count, [&](int64_t so, int64_t k, int64_t ss) { total += sum_run(from + xo + i * xs + so, k, ss); });
                  to[yo + i * ys] = rounded<Y>(Accumulator<Y>(total));
                }
              });
              at += n;
            });
          });
          return;
        }
        // Columns: rows of consecutive elements are added up, a block of columns at a time; rows are split among threads where columns are few.
        const int64_t width = dy.size[last], others = dy.count / width;
        const int parts = others == 1 ? parallel_parts(ds.count, std::max<int64_t>(1, pointwise_grain / width)) : 1;
        std::vector<Accumulator<X>> partial(size_t(parts) * size_t(width));
        auto add_rows = [&](int64_t xo, int64_t begin, int64_t end, Accumulator<X>* total) {
          std::fill_n(total, width, Accumulator<X>(0));
          for_runs(ds, 0, begin, end, [&](int64_t so, int64_t k, int64_t ss) {
            for (int64_t r = 0; r < k; ++r) {
              const X* row = from + xo + so + r * ss;
              for (int64_t c = 0; c < width; ++c) total[c] += Accumulator<X>(Compute<X>(row[c]));
            }
          });
        };
        for (int64_t o = 0; o < others; ++o) {
          int64_t xo = 0, yo = 0;
          for_runs(dy, 1, o * width, o * width + 1, [&](int64_t offset, int64_t, int64_t) { xo = offset; });
          for_runs(dy, 0, o * width, o * width + 1, [&](int64_t offset, int64_t, int64_t) { yo = offset; });
          parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
            for (int64_t p = begin; p < end; ++p) add_rows(xo, ds.count * p / parts, ds.count * (p + 1) / parts, partial.data() + p * width);
          });
          for (int64_t c = 0; c < width; ++c) {
            Accumulator<X> total = 0;
            for (int p = 0; p < parts; ++p) total += partial[size_t(p * width + c)];
            to[yo + c * dy.stride[0][last]] = rounded<Y>(Accumulator<Y>(total));
          }
        }
      }
    });
  });
}

}  // namespace mica
