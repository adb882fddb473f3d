#include "mica/cuda/conv2d.h"
#include <algorithm>
#include <numeric>
#include "mica/cuda/product_cores.h"

namespace mica::conv2d_implicit {
namespace {
using namespace products;

template <class T, bool a_deep, bool b_deep, class A, class B> void run(const Cuda& on, const Product<A, B>& p) {
  if constexpr (std::is_same_v<T, float>) {
    const int64_t large_tiles = (p.m + 127) / 128 * ((p.n + 127) / 128) * p.batch.count;
    if (p.n > 64 && large_tiles >= 132) return on_cores<T, LargeCores, a_deep, b_deep>(on, p);
  }
  on_cores<T, SmallCores<T>, a_deep, b_deep>(on, p);
}

template <class T> bool fits(int64_t channels, const void* data) { return channels % per_16_bytes<T> == 0 && aligned_16(data); }

// What each pixel of y reads, a row for each: the pixels of x under the kernel's taps, of the first group.
template <class T> Patches<T> patches_of_x(const Conv2dSizes& s, const void* x) {
  return {static_cast<const T*>(x), s.pixels(), s.taps() * s.c_group(), s.c, int(s.h), int(s.w), int(-s.padding_h), int(-s.padding_w), int(s.stride_h), int(s.stride_w),
          int(s.dilation_h), int(s.dilation_w), Divider(uint32_t(s.out_h * s.out_w)), Divider(uint32_t(s.out_w)), Divider(uint32_t(s.c_group())), Divider(uint32_t(s.kernel_w)),
          fits<T>(s.c_group(), x) && fits<T>(s.c, x)};
}
template <class T> Dense<T> dense(const void* data, int64_t rows, int64_t columns, int64_t row) {
  Dense<T> m{static_cast<const T*>(data), rows, columns, {}, 1, fits<T>(row, data)};
  m.places.add(rows, row);
  return m;
}
Output output(void* c, DType type, int64_t rows, int64_t row, int64_t group) {
  Output o{.c = c, .type = type};
  if (rows > 0) o.rows.add(rows, row);
  o.vectors = row % 4 == 0 && group % 4 == 0 && reinterpret_cast<uintptr_t>(c) % (4 * bytes_of(type)) == 0;
  return o;
}

// Pixels of dx whose place modulo the stride is `rest` are read by every `tap_step`-th tap from tap `first_tap` on, `taps` in all, and tap t of
// those by pixel u + start + t * step of dy, where u counts these pixels.
struct Rest {
  int64_t pixels, first_tap, tap_step, taps, start, step;
  Rest(int64_t rest, int64_t size, int64_t stride, int64_t padding, int64_t dilation, int64_t kernel)
      : pixels((size - rest + stride - 1) / stride), first_tap(0), tap_step(stride / std::gcd(stride, dilation)), taps(0), start(0), step(-tap_step * dilation / stride) {
    while (first_tap < tap_step && (rest + padding - first_tap * dilation) % stride != 0) ++first_tap;
    if (first_tap == tap_step || first_tap >= kernel) { first_tap = 0; return; }
    taps = (kernel - first_tap + tap_step - 1) / tap_step;
    start = (rest + padding - first_tap * dilation) / stride;
  }
};
template <class T> void data_gradient_of_rest(const Cuda& on, const Conv2dSizes& s, const void* dy, const void* weight, void* dx, int64_t rest_h, int64_t rest_w) {
  const Rest v(rest_h, s.h, s.stride_h, s.padding_h, s.dilation_h, s.kernel_h), h(rest_w, s.w, s.stride_w, s.padding_w, s.dilation_w, s.kernel_w);
  const int64_t rows = s.n * v.pixels * h.pixels, depth = v.taps * h.taps * s.out_group(), c = s.c_group();
  const Patches<T> a{static_cast<const T*>(dy), rows, depth, s.out, int(s.out_h), int(s.out_w), int(v.start), int(h.start), 1, 1, int(v.step), int(h.step),
                     Divider(uint32_t(v.pixels * h.pixels)), Divider(uint32_t(h.pixels)), Divider(uint32_t(s.out_group())), Divider(uint32_t(std::max<int64_t>(1, h.taps))),
                     fits<T>(s.out_group(), dy) && fits<T>(s.out, dy)};
  Dense<T> b{static_cast<const T*>(weight) + (v.first_tap * s.kernel_w + h.first_tap) * c, depth, c, {}, 1, fits<T>(c, weight)};
  if (v.taps > 1) b.places.add(v.taps, v.tap_step * s.kernel_w * c);
  if (h.taps > 1) b.places.add(h.taps, h.tap_step * c);
  b.places.add(s.out_group(), s.taps() * c);
  const int64_t offset = rest_h * s.w + rest_w;
  Product<Patches<T>, Dense<T>> p{a, b, rows, c, depth, output(static_cast<T*>(dx) + offset * s.c, dtype_of<T>, 0, s.c, c)};
  if (s.stride_h == 1 && s.stride_w == 1) {
    p.out.rows.add(rows, s.c);
  } else {
    p.out.rows.add(s.n, s.h * s.w * s.c);
    p.out.rows.add(v.pixels, s.stride_h * s.w * s.c);
    p.out.rows.add(h.pixels, s.stride_w * s.c);
  }
  if (s.groups > 1) p.batch.add(s.groups, c, s.out_group(), s.out_group() * s.taps() * c);
  run<T, true, false>(on, p);
}
template <class F> void dispatch_fast(DType type, F&& f) {
  dispatch_float(type, [&]<class T>(T v) { if constexpr (!std::is_same_v<T, double>) f(v); });
}
}  // namespace

void forward(const Cuda& on, const Conv2dSizes& s, DType type, const void* x, const void* weight, const void* bias, DType bias_type, void* y) {
  dispatch_fast(type, [&]<class T>(T) {
    const int64_t depth = s.taps() * s.c_group(), out = s.out_group();
    Product<Patches<T>, Dense<T>> p{patches_of_x<T>(s, x), dense<T>(weight, out, depth, depth), s.pixels(), out, depth, output(y, type, s.pixels(), s.out, out)};
    p.out.bias = bias;
    p.out.bias_type = bias_type;
    p.out.bias_step = out;
    if (s.groups > 1) p.batch.add(s.groups, out, s.c_group(), out * depth);
    run<T, true, true>(on, p);
  });
}
void data_gradient(const Cuda& on, const Conv2dSizes& s, DType type, const void* dy, const void* weight, void* dx) {
  dispatch_fast(type, [&]<class T>(T) {
    for (int64_t i = 0; i < std::min(s.stride_h, s.h); ++i)
      for (int64_t j = 0; j < std::min(s.stride_w, s.w); ++j) data_gradient_of_rest<T>(on, s, dy, weight, dx, i, j);
  });
}
void weight_gradient(const Cuda& on, const Conv2dSizes& s, DType type, const void* x, const void* dy, void* dweight, DType dweight_type) {
  dispatch_fast(type, [&]<class T>(T) {
    const int64_t depth = s.taps() * s.c_group(), out = s.out_group();
    Dense<T> a = dense<T>(dy, s.pixels(), out, s.out);
    a.vectors &= fits<T>(out, dy);
    Product<Dense<T>, Patches<T>> p{a, patches_of_x<T>(s, x), out, depth, s.pixels(), output(dweight, dweight_type, out, depth, out * depth)};
    if (s.groups > 1) p.batch.add(s.groups, out * depth, out, s.c_group());
    run<T, false, false>(on, p);
  });
}

}  // namespace mica::conv2d_implicit
