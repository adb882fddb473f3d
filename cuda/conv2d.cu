#include "mica/core/ops/conv2d.h"
#include "mica/core/kernels.h"
#include "mica/cuda/conv2d.h"
#include "mica/cuda/gemm.h"

namespace mica {
namespace {
Conv2dSizes sizes_of(const op::Conv2d& o, const Shape& x, const Shape& w, const Shape& y) {
  return {x[0], x[2], x[3], x[1], w[0], y[2], y[3], w[2], w[3], o.stride.h, o.stride.w, o.padding.h, o.padding.w, o.dilation.h, o.dilation.w, o.groups};
}
// A convolution that is a product of matrices, x: [rows, depth], w: [out, depth], y: [rows, out]: kernels of one pixel over dense images, or one
// that covers the whole image.
struct Rows {
  bool possible;
  int64_t count, depth;
  explicit Rows(const Conv2dSizes& s) {
    const bool plain = s.groups == 1 && s.padding_h == 0 && s.padding_w == 0, whole = s.kernel_h == s.h && s.kernel_w == s.w;
    possible = plain && (whole || (s.taps() == 1 && s.stride_h == 1 && s.stride_w == 1));
    count = whole ? s.n : s.n * s.h * s.w;
    depth = whole ? s.h * s.w * s.c : s.c;
  }
};
void forward_rows(const Cuda& on, const Rows& r, const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& y) {
  const int64_t out = w.shape()[0];
  Gemm g{.type = x.dtype(), .c_type = y.dtype(), .m = r.count, .n = out, .k = r.depth, .a = address(x), .a_row = r.depth, .b = address(w), .b_row = 1, .b_column = r.depth,
         .c = address(y), .c_row = out};
  if (bias) { g.bias = address(bias); g.bias_type = bias.dtype(); }
  gemm(on, g);
}
void data_gradient_rows(const Cuda& on, const Rows& r, const Tensor& dy, const Tensor& w, const Tensor& dx) {
  const int64_t out = w.shape()[0];
  gemm(on, {.type = dy.dtype(), .c_type = dx.dtype(), .m = r.count, .n = r.depth, .k = out, .a = address(dy), .a_row = out, .b = address(w), .b_row = r.depth,
            .c = address(dx), .c_row = r.depth});
}
void weight_gradient_rows(const Cuda& on, const Rows& r, const Tensor& x, const Tensor& dy, const Tensor& dw) {
  const int64_t out = dw.shape()[0];
  gemm(on, {.type = dy.dtype(), .c_type = dw.dtype(), .m = out, .n = r.depth, .k = r.count, .a = address(dy), .a_row = 1, .a_column = out, .b = address(x), .b_row = r.depth,
            .c = address(dw), .c_row = r.depth});
}
}  // namespace

void op::Conv2d::forward(const Cuda& on, const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) const {
  if (y.size() == 0) return;
  if (x.size() == 0) {  // nothing but padding, or no channels
    if (bias) copy_kernel(on, expand_alias(alias(bias, {1, bias.size(), 1, 1}, {0, 1, 0, 0}, bias.body().offset), y.shape()), y);
    else fill_kernel(on, 0, y);
    return;
  }
  const Conv2dSizes s = sizes_of(*this, x.shape(), weight.shape(), y.shape());
  const Rows rows(s);
  if (rows.possible) return forward_rows(on, rows, x, weight, bias, y);
  const auto run = conv2d_direct::pays(s, y.dtype()) ? conv2d_direct::forward : conv2d_implicit::forward;
  run(on, s, y.dtype(), address(x), address(weight), bias ? address(bias) : nullptr, bias ? bias.dtype() : f32, address(y));
}

void op::Conv2d::backward(const Cuda& on, const Tensor& x, const Tensor& weight, const Tensor&, const Tensor& y, const Tensor& dy, Tensor& dx,
                          Tensor& dweight, Tensor& dbias) const {
  if (dbias) sum_kernel(on, dy, alias(dbias, {1, dbias.size(), 1, 1}, {0, 1, 0, 0}, dbias.body().offset));
  if (y.size() == 0 || weight.size() == 0 || x.size() == 0) {
    for (const Tensor* t : {&dx, &dweight}) if (*t) fill_kernel(on, 0, *t);
    return;
  }
  const Conv2dSizes s = sizes_of(*this, x.shape(), weight.shape(), y.shape());
  const Rows rows(s);
  const bool direct = conv2d_direct::pays(s, y.dtype());
  if (dx) {
    if (rows.possible) data_gradient_rows(on, rows, dy, weight, dx);
    else (direct ? conv2d_direct::data_gradient : conv2d_implicit::data_gradient)(on, s, dx.dtype(), address(dy), address(weight), address(dx));
  }
  if (dweight) {
    if (rows.possible) weight_gradient_rows(on, rows, x, dy, dweight);
    else (direct ? conv2d_direct::weight_gradient : conv2d_implicit::weight_gradient)(on, s, dy.dtype(), address(x), address(dy), address(dweight), dweight.dtype());
  }
}

}  // namespace mica
