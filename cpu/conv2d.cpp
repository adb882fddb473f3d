#include "mica/core/ops/conv2d.h"
#include "mica/core/kernels.h"
#include "mica/core/ops/contiguous.h"
#include "mica/cpu/gemm.h"
#include "mica/cpu/onednn.h"
#include "mica/cpu/parallel.h"
#include "mica/cpu/tiled_conv.h"

namespace mica {
namespace {
using Sizes = onednn::Conv;

Sizes sizes_of(const op::Conv2d& o, const Shape& x, const Shape& w, const Shape& y) {
  return {x[0], x[1], x[2], x[3], w[0], y[2], y[3], w[2], w[3], o.stride.h, o.stride.w, o.padding.h, o.padding.w, o.dilation.h, o.dilation.w, o.groups};
}
// Calls f(pixel of x, tap of w) for the taps of the kernel that pixel (i, j) of y reads inside the image.
template <class F> void for_taps(const Sizes& s, int64_t i, int64_t j, F&& f) {
  for (int64_t k = 0; k < s.kernel_h; ++k)
    for (int64_t l = 0; l < s.kernel_w; ++l) {
      const int64_t row = i * s.stride_h - s.padding_h + k * s.dilation_h, column = j * s.stride_w - s.padding_w + l * s.dilation_w;
      if (row >= 0 && row < s.h && column >= 0 && column < s.w) f(row * s.w + column, k * s.kernel_w + l);
    }
}

int64_t grain(const Sizes& s, int64_t parts) { return std::max<int64_t>(1, int64_t(2 * pointwise_grain * double(parts) / s.flops())); }

// The reference: the plainest loops over [n, h, w, c] and [out, kh, kw, c / groups].
void forward_f64(const Sizes& s, const double* x, const double* w, const double* bias, double* y) {
  const int64_t og = s.out / s.groups, ig = s.c / s.groups, taps = s.kernel_h * s.kernel_w, pixels = s.out_h * s.out_w;
  parallel_for(s.n * pixels, grain(s, s.n * pixels), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p)
      for (int64_t o = 0; o < s.out; ++o) {
        double sum = bias ? bias[o] : 0;
        for_taps(s, p % pixels / s.out_w, p % s.out_w, [&](int64_t pixel, int64_t tap) {
          const double *in = x + (p / pixels * s.h * s.w + pixel) * s.c + o / og * ig, *weight = w + (o * taps + tap) * ig;
          for (int64_t c = 0; c < ig; ++c) sum += weight[c] * in[c];
        });
        y[p * s.out + o] = sum;
      }
  });
}
void backward_data_f64(const Sizes& s, const double* dy, const double* w, double* dx) {
  const int64_t og = s.out / s.groups, ig = s.c / s.groups, taps = s.kernel_h * s.kernel_w, pixels = s.out_h * s.out_w, image = s.h * s.w * s.c;
  std::fill_n(dx, s.n * image, 0.0);
  parallel_for(s.n, grain(s, s.n), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin * pixels; p < end * pixels; ++p)
      for (int64_t o = 0; o < s.out; ++o)
        for_taps(s, p % pixels / s.out_w, p % s.out_w, [&](int64_t pixel, int64_t tap) {
          double* in = dx + p / pixels * image + pixel * s.c + o / og * ig;
          for (int64_t c = 0; c < ig; ++c) in[c] += w[(o * taps + tap) * ig + c] * dy[p * s.out + o];
        });
  });
}
void backward_weights_f64(const Sizes& s, const double* x, const double* dy, double* dw) {
  const int64_t og = s.out / s.groups, ig = s.c / s.groups, taps = s.kernel_h * s.kernel_w, pixels = s.out_h * s.out_w;
  std::fill_n(dw, s.out * taps * ig, 0.0);
  parallel_for(s.out, grain(s, s.out), [&](int64_t begin, int64_t end) {
    for (int64_t p = 0; p < s.n * pixels; ++p)
      for (int64_t o = begin; o < end; ++o)
        for_taps(s, p % pixels / s.out_w, p % s.out_w, [&](int64_t pixel, int64_t tap) {
          const double* in = x + (p / pixels * s.h * s.w + pixel) * s.c + o / og * ig;
          for (int64_t c = 0; c < ig; ++c) dw[(o * taps + tap) * ig + c] += in[c] * dy[p * s.out + o];
        });
  });
}

// A convolution that is a product of matrices: kernels of one pixel over dense images, or one that covers the whole image.
// x: [rows, depth], w: [out, depth], y: [rows, out].
struct Product {
  bool possible;
  Matrix x, w, y;
  explicit Product(const Sizes& s) {
    const bool plain = s.groups == 1 && s.padding_h == 0 && s.padding_w == 0;
    const bool pixel = s.kernel_h == 1 && s.kernel_w == 1 && s.stride_h == 1 && s.stride_w == 1, whole = s.kernel_h == s.h && s.kernel_w == s.w;
    possible = plain && (pixel || whole);
    const int64_t rows = whole ? s.n : s.n * s.h * s.w, depth = whole ? s.h * s.w * s.c : s.c;
    x = Matrix::dense(rows, depth); w = Matrix::dense(s.out, depth); y = Matrix::dense(rows, s.out);
  }
};
// The three in bf16 with sums in float, by oneDNN; false, and nothing done, where it has no kernel that is fast and right (docs/decisions.md).
// Groups go through float: few channels of each leave nothing to be faster at.
bool fast_bf16(const Sizes& s, const Tensor& x, const Tensor& w) { return x.dtype() == bf16 && w.dtype() == bf16 && s.groups == 1 && onednn::has_bf16(); }
bool forward_bf16(const Sizes& s, const Tensor& x, const Tensor& w, const float* bias, const Tensor& y) {
  if (!fast_bf16(s, x, w)) return false;
  const auto *px = x.data<bfloat16>(), *pw = w.data<bfloat16>();
  if (const Product p(s); p.possible) return onednn::gemm_bf16(px, p.x, pw, p.w.transposed(), bias, output<bfloat16>(y), bf16, p.y);
  onednn::conv_forward(s, px, pw, bias, output<bfloat16>(y));
  return true;
}
bool backward_data_bf16(const Sizes& s, const Tensor& dy, const Tensor& w, const Tensor& dx) {
  if (!fast_bf16(s, dy, w)) return false;
  const auto *py = dy.data<bfloat16>(), *pw = w.data<bfloat16>();
  if (const Product p(s); p.possible) return onednn::gemm_bf16(py, p.y, pw, p.w, nullptr, output<bfloat16>(dx), bf16, p.x);
  if (s.kernel_h * s.kernel_w == 1 && s.out % 2) return false;  // wrong in oneDNN 2.6.3 for some numbers of pixels, 30 for one
  onednn::conv_backward_data(s, py, pw, output<bfloat16>(dx));
  return true;
}
bool backward_weights_bf16(const Sizes& s, const Tensor& x, const Tensor& dy, const Tensor& dw) {
  if (!fast_bf16(s, x, dy)) return false;
  const auto *px = x.data<bfloat16>(), *py = dy.data<bfloat16>();
  if (const Product p(s); p.possible) return onednn::gemm_bf16(py, p.y.transposed(), px, p.x, nullptr, output<float>(dw), f32, p.w);
  // oneDNN 2.6.3 reads what is not there for some shapes whose channels do not fill vectors, and for some windows that leave the image's end out.
  auto reads_all = [](int64_t in, int64_t out, int64_t k, int64_t step, int64_t d, int64_t padding) { return k == 1 || (out - 1) * step + d * (k - 1) + 1 >= in + padding; };
  if (s.out % 16 || (s.c % 16 && s.c > 4) || !reads_all(s.h, s.out_h, s.kernel_h, s.stride_h, s.dilation_h, s.padding_h) ||
      !reads_all(s.w, s.out_w, s.kernel_w, s.stride_w, s.dilation_w, s.padding_w)) return false;
  onednn::conv_backward_weights(s, px, py, output<float>(dw));
  return true;
}
// dy summed over all but the channels. Few channels are summed several pixels at a time, in rows long enough for SIMD.
void bias_gradient(const Cpu& on, const Tensor& dy, Tensor& db) {
  const int64_t channels = db.size(), pixels = dy.size() / std::max<int64_t>(1, channels);
  int64_t together = 1;
  while (together * channels < 64 && pixels > 0 && pixels % (2 * together) == 0) together *= 2;
  const int64_t width = together * channels;
  const Tensor sum = empty({1, width}, {dy.dtype() == f64 ? f64 : f32});
  sum_kernel(on, alias(dy, {pixels / together, width}, {width, 1}, dy.body().offset), sum);
  sum_kernel(on, alias(sum, {together, channels}, {channels, 1}, 0), alias(db, {1, channels}, {channels, 1}, db.body().offset));
}
}  // namespace

void op::Conv2d::forward(const Cpu& on, const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) const {
  if (y.size() == 0) return;
  const Sizes s = sizes_of(*this, x.shape(), weight.shape(), y.shape());
  const Tensor fb = bias ? contiguous(as_float(bias)) : bias;
  if (x.size() > 0 && forward_bf16(s, x, weight, fb && fb.dtype() == f32 ? fb.data<float>() : nullptr, y)) return;
  const Tensor fx = as_float(x), fw = as_float(weight);
  through_float(y, [&](const Tensor& y) {
    if (x.size() == 0) {  // nothing but padding, or no channels
      if (bias) copy_kernel(on, expand_alias(alias(bias, {1, bias.size(), 1, 1}, {0, bias.strides()[0], 0, 0}, bias.body().offset), y.shape()), y);
      else fill_kernel(on, 0, y);
      return;
    }
    if (y.dtype() == f64) return forward_f64(s, x.data<double>(), weight.data<double>(), bias ? fb.data<double>() : nullptr, output<double>(y));
    const float *px = fx.data<float>(), *pw = fw.data<float>(), *pb = bias ? fb.data<float>() : nullptr;
    if (const Product p(s); p.possible) gemm(px, p.x, pw, p.w.transposed(), output<float>(y), p.y, pb);
    else if (tiled::forward_pays(s)) tiled::conv_forward(s, px, pw, pb, output<float>(y));
    else onednn::conv_forward(s, px, pw, pb, output<float>(y));
  });
}

void op::Conv2d::backward(const Cpu& on, const Tensor& x, const Tensor& weight, const Tensor&, const Tensor& y, const Tensor& dy, Tensor& dx,
                          Tensor& dweight, Tensor& dbias) const {
  if (y.size() == 0 || weight.size() == 0 || x.size() == 0) {
    for (const Tensor* t : {&dx, &dweight}) if (*t) fill_kernel(on, 0, *t);
    if (dbias) bias_gradient(on, dy, dbias);
    return;
  }
  const Sizes s = sizes_of(*this, x.shape(), weight.shape(), y.shape());
  const Product p(s);
  if (dx && !backward_data_bf16(s, dy, weight, dx)) {
    const Tensor fy = as_float(dy), fw = as_float(weight);
    through_float(dx, [&](const Tensor& dx) {
      if (dx.dtype() == f64) return backward_data_f64(s, dy.data<double>(), weight.data<double>(), output<double>(dx));
      const float *py = fy.data<float>(), *pw = fw.data<float>();
      if (p.possible) gemm(py, p.y, pw, p.w, output<float>(dx), p.x);
      else if (tiled::scattered_data_pays(s)) tiled::conv_backward_data_scattered(s, py, pw, output<float>(dx));
      else if (tiled::backward_data_pays(s)) tiled::conv_backward_data(s, py, pw, output<float>(dx));
      else onednn::conv_backward_data(s, py, pw, output<float>(dx));
    });
  }
  if (dweight) through_float(dweight, [&](const Tensor& dw) {
    if (backward_weights_bf16(s, x, dy, dw)) return;
    if (dw.dtype() == f64) return backward_weights_f64(s, x.data<double>(), dy.data<double>(), output<double>(dw));
    const Tensor fy = as_float(dy), fx = as_float(x);
    const float *py = fy.data<float>(), *px = fx.data<float>();
    if (p.possible) gemm(py, p.y.transposed(), px, p.x, output<float>(dw), p.w);
    else onednn::conv_backward_weights(s, px, py, output<float>(dw));
  });
  if (dbias) bias_gradient(on, dy, dbias);
}

}  // namespace mica
