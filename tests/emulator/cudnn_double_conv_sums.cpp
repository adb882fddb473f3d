#include "mica/tests/emulator/cudnn_double_conv.h"
#include <atomic>
#include <cmath>

namespace mica::emulator::dnn {
namespace {
int64_t out_size(int64_t in, int64_t pad, int64_t kernel, int64_t dilation, int64_t stride) { return (in + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1; }

std::vector<double> load(const void* p, DType type, int64_t n, const Flaws& f) {
  auto result = elements(p, type, n);
  if (f.tf32)
    for (auto& v : result) v = tf32(v);
  return result;
}

// visit(pixel of y, pixel of x, tap, group) for every product of vectors of channels.
template <class F> void for_taps(const Problem& p, F visit) {
  const auto& [x, y, w, conv] = p;
  for (int64_t i = 0; i < y.n; ++i)
    for (int64_t r = 0; r < y.h; ++r)
      for (int64_t s = 0; s < y.w; ++s)
        for (int64_t a = 0; a < w.h; ++a)
          for (int64_t b = 0; b < w.w; ++b) {
            const int64_t row = r * conv.stride_h - conv.pad_h + a * conv.dilation_h, column = s * conv.stride_w - conv.pad_w + b * conv.dilation_w;
            if (row < 0 || row >= x.h || column < 0 || column >= x.w) continue;
            for (int64_t g = 0; g < conv.groups; ++g) visit((i * y.h + r) * y.w + s, (i * x.h + row) * x.w + column, a * w.w + b, g);
          }
}

}  // namespace

void check_problem(Check& check, const Problem& p) {
  const auto& [x, y, w, conv] = p;
  if (!check.ok()) return;
  check.require(x.type == y.type && x.type == w.type, "x, w and y have different types");
  check.require(conv.compute == (x.type == f64 ? f64 : f32), "its compute type is none for this data");
  check.require(conv.groups >= 1 && x.c == w.c * conv.groups && w.k % conv.groups == 0 && y.c == w.k && y.n == x.n,
                "channels, batch and groups of its tensors do not fit: x has " + std::to_string(x.c) + " channels, w is " + std::to_string(w.k) + " x " +
                    std::to_string(w.c) + ", y has " + std::to_string(y.c));
  check.require(y.h == out_size(x.h, conv.pad_h, w.h, conv.dilation_h, conv.stride_h) && y.w == out_size(x.w, conv.pad_w, w.w, conv.dilation_w, conv.stride_w),
                "y is " + std::to_string(y.h) + " x " + std::to_string(y.w) + ", which is not what x, w, strides and padding give");
  check.require(x.channels_last() && y.channels_last() && (w.format == CUDNN_TENSOR_NHWC || w.h * w.w == 1 || w.c == 1), "its tensors are not all channels-last");
  check.require(conv.mode == CUDNN_CROSS_CORRELATION, "its kernel is flipped");
  check.supported(x.type != f64);  // double exists for NCHW only
  check.supported(std::max({x.count(), y.count(), w.count()}) < int64_t(1) << 31);
}
Problem read(Check& check, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w, cudnnConvolutionDescriptor_t conv, cudnnTensorDescriptor_t y) {
  Problem p{check.tensor(x, "x"), check.tensor(y, "y"), check.filter(w, "w"), check.convolution(conv)};
  check_problem(check, p);
  return p;
}

Flaws flaws(const Problem& p, bool deterministic) {
  static std::atomic<int> runs{0};
  return {p.x.type == f32 && p.conv.math != CUDNN_FMA_MATH, deterministic || runs++ % 2 == 0 ? 1.0 : 1 + 0x1p-21};
}

std::vector<double> forward(const Problem& p, const void* x_data, const void* w_data, const Flaws& f) {
  const auto& w = p.w;
  const int64_t taps = w.h * w.w, c = w.c, k = w.k / p.conv.groups;  // of one group
  const auto x = load(x_data, p.x.type, p.x.count(), f), weights = load(w_data, w.type, w.count(), f);
  std::vector<double> turned(weights.size()), y(size_t(p.y.count()), 0.0);  // turned: [group, tap, c, k]
  for (int64_t o = 0; o < w.k; ++o)
    for (int64_t t = 0; t < taps; ++t)
      for (int64_t i = 0; i < c; ++i) turned[size_t(((o / k * taps + t) * c + i) * k + o % k)] = weights[size_t((o * taps + t) * c + i)];
  for_taps(p, [&](int64_t out, int64_t in, int64_t tap, int64_t g) {
    double* const to = &y[size_t(out * p.y.c + g * k)];
    for (int64_t i = 0; i < c; ++i) {
      const double v = x[size_t(in * p.x.c + g * c + i)];
      const double* from = &turned[size_t(((g * taps + tap) * c + i) * k)];
      for (int64_t o = 0; o < k; ++o) to[o] += v * from[o];
    }
  });
  for (auto& v : y) v *= f.factor;
  return y;
}
std::vector<double> data_gradient(const Problem& p, const void* dy_data, const void* w_data, const Flaws& f) {
  const int64_t taps = p.w.h * p.w.w, c = p.w.c, k = p.w.k / p.conv.groups;
  const auto dy = load(dy_data, p.y.type, p.y.count(), f), w = load(w_data, p.w.type, p.w.count(), f);
  std::vector<double> dx(size_t(p.x.count()), 0.0);
  for_taps(p, [&](int64_t out, int64_t in, int64_t tap, int64_t g) {
    double* const to = &dx[size_t(in * p.x.c + g * c)];
    for (int64_t o = g * k; o < (g + 1) * k; ++o) {
      const double v = dy[size_t(out * p.y.c + o)];
      const double* from = &w[size_t((o * taps + tap) * c)];
      for (int64_t i = 0; i < c; ++i) to[i] += v * from[i];
    }
  });
  for (auto& v : dx) v *= f.factor;
  return dx;
}
std::vector<double> filter_gradient(const Problem& p, const void* x_data, const void* dy_data, const Flaws& f) {
  const int64_t taps = p.w.h * p.w.w, c = p.w.c, k = p.w.k / p.conv.groups;
  const auto x = load(x_data, p.x.type, p.x.count(), f), dy = load(dy_data, p.y.type, p.y.count(), f);
  std::vector<double> dw(size_t(p.w.count()), 0.0);
  for_taps(p, [&](int64_t out, int64_t in, int64_t tap, int64_t g) {
    const double* from = &x[size_t(in * p.x.c + g * c)];
    for (int64_t o = g * k; o < (g + 1) * k; ++o) {
      const double v = dy[size_t(out * p.y.c + o)];
      double* const to = &dw[size_t((o * taps + tap) * c)];
      for (int64_t i = 0; i < c; ++i) to[i] += v * from[i];
    }
  });
  for (auto& v : dw) v *= f.factor;
  return dw;
}

void store(void* y, DType type, double alpha, const std::vector<double>& values, double beta) {
  for (size_t i = 0; i < values.size(); ++i) blend(y, type, int64_t(i), alpha, values[i], beta);
}

}  // namespace mica::emulator::dnn
