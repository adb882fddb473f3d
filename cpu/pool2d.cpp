#include <cmath>
#include <vector>
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/core/ops/avg_pool2d.h"
#include "mica/core/ops/max_pool2d.h"
#include "mica/core/ops/pool_internal.h"
#include "mica/cpu/isa.h"
#include "mica/cpu/parallel.h"
#include "mica/cpu/pool2d_table.h"
// Max and average pooling, channels-last. float32 (and 16-bit types through it) in cpu/simd/pool2d.cpp; float64 here, as plain loops.
namespace mica {
namespace {
const Pool2dTable& table() {
  static const Pool2dTable& chosen = pick(v2::pool2d, v3::pool2d, v4::pool2d);
  return chosen;
}

class Axis {
 public:
  Axis(int64_t in, int64_t out, int window, int stride, int padding, int dilation, bool count_padding) : Axis(in, out, dilation, window) {
    for (int64_t o = 0; o < out; ++o) {
      const int64_t start = o * stride - padding, first = start < 0 ? (-start + dilation - 1) / dilation : 0;
      const int64_t size = std::max<int64_t>(0, std::min<int64_t>(window, (in - start + dilation - 1) / dilation) - first);
      const int64_t divisor = count_padding ? std::min(start + window, in + padding) - start : size;
      windows_.push_back({int32_t(start + first * dilation), int32_t(size), int32_t(first), int32_t(divisor)});
    }
    finish();
  }
  Axis(int64_t in, int64_t out) : Axis(in, out, 1, 0) {  // adaptive
    for (int64_t o = 0; o < out; ++o) {
      const int64_t begin = o * in / out, size = ((o + 1) * in + out - 1) / out - begin;
      windows_.push_back({int32_t(begin), int32_t(size), 0, int32_t(size)});
      axis_.taps = std::max(axis_.taps, size);
    }
    finish();
  }
  PoolAxis get() const { PoolAxis a = axis_; a.windows = windows_.data(); a.readers = readers_.data(); return a; }

 private:
  Axis(int64_t in, int64_t out, int64_t step, int64_t taps) : axis_{in, out, step, taps, step == 1, true, nullptr, nullptr} {
    windows_.reserve(size_t(out));
    readers_.assign(size_t(in), {0, 0});
  }
  void finish() {
    int64_t end = 0;
    for (int32_t o = 0; o < int32_t(windows_.size()); ++o) {
      const PoolWindow& w = windows_[size_t(o)];
      if (w.size == 0) { axis_.disjoint = false; continue; }
      if (w.begin < end) axis_.disjoint = false;
      if (w.begin != end) axis_.covers = false;
      end = w.begin + (w.size - 1) * axis_.step + 1;
      for (int64_t i = w.begin; i < end; ++i) {
        PoolReaders& r = readers_[size_t(i)];
        if (r.end == 0) r.begin = o;
        r.end = o + 1;
      }
    }
    if (end != axis_.in) axis_.covers = false;
  }
  PoolAxis axis_;
  std::vector<PoolWindow> windows_;
  std::vector<PoolReaders> readers_;
};

PoolShape shape_of(const Tensor& x, const Axis& h, const Axis& w) { return {x.shape()[0], x.shape()[1], h.get(), w.get()}; }
int64_t taps_of(const PoolShape& s) { return s.h.taps * s.w.taps; }
// Rows that pay for a thread; a row is one of y, or of x.
int64_t grain(const PoolShape& s, int64_t pixels) { return std::max<int64_t>(1, pointwise_grain / std::max<int64_t>(1, pixels * s.c * std::min<int64_t>(taps_of(s), 16))); }

// The same loops for every pooling: f(y's offset, x's offset, tap number, divisor) for each tap inside; begin(y's offset) before a window's taps.
template <class B, class F> void plain(const PoolShape& s, B&& begin, F&& f) {
  parallel_for(s.n, std::max<int64_t>(1, pointwise_grain / std::max<int64_t>(1, s.c * s.h.out * s.w.out * taps_of(s))), [&](int64_t n0, int64_t n1) {
    for (int64_t n = n0; n < n1; ++n)
      for (int64_t oh = 0; oh < s.h.out; ++oh)
        for (int64_t ow = 0; ow < s.w.out; ++ow)
          for (int64_t c = 0; c < s.c; ++c) {
            const PoolWindow &wh = s.h.windows[oh], &ww = s.w.windows[ow];
            const int64_t y = ((n * s.h.out + oh) * s.w.out + ow) * s.c + c;
            begin(y);
            for (int64_t i = 0; i < wh.size; ++i)
              for (int64_t j = 0; j < ww.size; ++j)
                f(y, ((n * s.h.in + wh.begin + i * s.h.step) * s.w.in + ww.begin + j * s.w.step) * s.c + c, (wh.first + i) * s.w.taps + ww.first + j,
                  double(wh.divisor) * ww.divisor);
          }
  });
}
template <class T, class I> void plain_max(const PoolShape& s, const T* x, T* y, I* index) {
  plain(s, [&](int64_t o) { y[o] = T(-HUGE_VAL); index[o] = I(-1); }, [&](int64_t o, int64_t i, int64_t tap, double) {
    if (index[o] == I(-1) || x[i] > y[o] || x[i] != x[i]) { y[o] = x[i]; index[o] = I(tap); }
  });
}
template <class T, class I> void plain_max_back(const PoolShape& s, const T* dy, const I* index, T* dx) {
  std::fill_n(dx, s.n * s.h.in * s.w.in * s.c, T(0));
  plain(s, [](int64_t) {}, [&](int64_t o, int64_t i, int64_t tap, double) { if (index[o] == I(tap)) dx[i] += dy[o]; });
}

Tensor as_float(const Tensor& x) {
  if (!is_half(x.dtype())) return x;
  const Tensor y = empty_like(x, f32);
  copy_kernel(Cpu{}, x, y);
  return y;
}
// f(x, y), in float32 if the tensors are 16-bit.
template <class F> void in_float(const Tensor& x, const Tensor& y, F&& f) {
  if (!is_half(x.dtype())) return f(x, y);
  const Tensor wide = empty_like(y, f32);
  f(as_float(x), wide);
  copy_kernel(Cpu{}, wide, y);
}

void max_forward(const PoolShape& s, const Tensor& x, const Tensor& y, Tensor& indices) {
  const bool small = taps_of(s) <= 256 && x.dtype() != f64, wanted = grad_enabled() && x.requires_grad();
  if (wanted || !small) indices = empty({s.n, s.h.out, s.w.out, s.c}, {small ? u8 : i32});
  in_float(x, y, [&](const Tensor& x, const Tensor& y) {
    if (x.dtype() == f64) return plain_max(s, x.data<double>(), output<double>(y), output<int32_t>(indices));
    if (!small) return plain_max(s, x.data<float>(), output<float>(y), output<int32_t>(indices));
    const float* from = x.data<float>();
    float* to = output<float>(y);
    uint8_t* index = wanted ? output<uint8_t>(indices) : nullptr;
    parallel_for(s.n * s.h.out, grain(s, s.w.out), [&](int64_t begin, int64_t end) { table().max_forward(s, from, to, index, begin, end); });
  });
  if (!wanted) indices = {};
}
void max_backward(const PoolShape& s, const Tensor& indices, const Tensor& dy, const Tensor& dx) {
  in_float(dy, dx, [&](const Tensor& dy, const Tensor& dx) {
    if (dy.dtype() == f64) return plain_max_back(s, dy.data<double>(), indices.data<int32_t>(), output<double>(dx));
    if (indices.dtype() == i32) return plain_max_back(s, dy.data<float>(), indices.data<int32_t>(), output<float>(dx));
    const float* from = dy.data<float>();
    float* to = output<float>(dx);
    const bool disjoint = s.h.disjoint && s.w.disjoint;
    parallel_for(s.n * (disjoint ? s.h.out : s.h.in), grain(s, s.w.out), [&](int64_t begin, int64_t end) {
      table().max_backward(s, from, indices.data<uint8_t>(), to, begin, end);
    });
  });
}
void avg_forward(const PoolShape& s, const Tensor& x, const Tensor& y) {
  in_float(x, y, [&](const Tensor& x, const Tensor& y) {
    if (x.dtype() == f64) {
      const double* from = x.data<double>();
      double* to = output<double>(y);
      return plain(s, [&](int64_t o) { to[o] = 0; }, [&](int64_t o, int64_t i, int64_t, double divisor) { to[o] += from[i] / divisor; });
    }
    const float* from = x.data<float>();
    float* to = output<float>(y);
    parallel_for(s.n * s.h.out, grain(s, s.w.out), [&](int64_t begin, int64_t end) { table().avg_forward(s, from, to, begin, end); });
  });
}
void avg_backward(const PoolShape& s, const Tensor& dy, const Tensor& dx) {
  in_float(dy, dx, [&](const Tensor& dy, const Tensor& dx) {
    if (dy.dtype() == f64) {
      const double* from = dy.data<double>();
      double* to = output<double>(dx);
      std::fill_n(to, dx.size(), 0.0);
      return plain(s, [](int64_t) {}, [&](int64_t o, int64_t i, int64_t, double divisor) { to[i] += from[o] / divisor; });
    }
    const float* from = dy.data<float>();
    float* to = output<float>(dx);
    const bool disjoint = s.h.disjoint && s.w.disjoint;
    parallel_for(s.n * (disjoint ? s.h.out : s.h.in), grain(s, s.w.out), [&](int64_t begin, int64_t end) { table().avg_backward(s, from, to, begin, end); });
  });
}

// Calls f with the PoolShape of an op.
template <class F> void with_shape(const op::MaxPool2d& o, const Tensor& x, const Tensor& y, F&& f) {
  const Pair stride = stride_of(o.stride, o.window);
  const Axis h(x.shape()[2], y.shape()[2], o.window.h, stride.h, o.padding.h, o.dilation.h, false), w(x.shape()[3], y.shape()[3], o.window.w, stride.w, o.padding.w, o.dilation.w, false);
  f(shape_of(x, h, w));
}
template <class F> void with_shape(const op::AvgPool2d& o, const Tensor& x, const Tensor& y, F&& f) {
  const Pair stride = stride_of(o.stride, o.window);
  const Axis h(x.shape()[2], y.shape()[2], o.window.h, stride.h, o.padding.h, 1, o.count_padding), w(x.shape()[3], y.shape()[3], o.window.w, stride.w, o.padding.w, 1, o.count_padding);
  f(shape_of(x, h, w));
}
template <class F> void with_adaptive_shape(const Tensor& x, const Tensor& y, F&& f) {
  const Axis h(x.shape()[2], y.shape()[2]), w(x.shape()[3], y.shape()[3]);
  f(shape_of(x, h, w));
}
}  // namespace

namespace op {
void MaxPool2d::forward(const Cpu&, const Tensor& x, Tensor& y, State& state) const {
  with_shape(*this, x, y, [&](const PoolShape& s) { max_forward(s, x, y, state.indices); });
}
void MaxPool2d::backward(const Cpu&, const Tensor& x, const Tensor& y, const State& state, const Tensor& dy, Tensor& dx) const {
  with_shape(*this, x, y, [&](const PoolShape& s) { max_backward(s, state.indices, dy, dx); });
}
void AdaptiveMaxPool2d::forward(const Cpu&, const Tensor& x, Tensor& y, State& state) const {
  with_adaptive_shape(x, y, [&](const PoolShape& s) { max_forward(s, x, y, state.indices); });
}
void AdaptiveMaxPool2d::backward(const Cpu&, const Tensor& x, const Tensor& y, const State& state, const Tensor& dy, Tensor& dx) const {
  with_adaptive_shape(x, y, [&](const PoolShape& s) { max_backward(s, state.indices, dy, dx); });
}
void AvgPool2d::forward(const Cpu&, const Tensor& x, Tensor& y) const {
  with_shape(*this, x, y, [&](const PoolShape& s) { avg_forward(s, x, y); });
}
void AvgPool2d::backward(const Cpu&, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const {
  with_shape(*this, x, y, [&](const PoolShape& s) { avg_backward(s, dy, dx); });
}
void AdaptiveAvgPool2d::forward(const Cpu&, const Tensor& x, Tensor& y) const {
  with_adaptive_shape(x, y, [&](const PoolShape& s) { avg_forward(s, x, y); });
}
void AdaptiveAvgPool2d::backward(const Cpu&, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const {
  with_adaptive_shape(x, y, [&](const PoolShape& s) { avg_backward(s, dy, dx); });
}
void GlobalAvgPool2d::backward(const Cpu&, const Tensor& x, const Tensor&, const Tensor& dy, Tensor& dx) const {
  const Axis h(x.shape()[2], 1), w(x.shape()[3], 1);
  avg_backward(shape_of(x, h, w), dy, dx);
}
}  // namespace op
}  // namespace mica
