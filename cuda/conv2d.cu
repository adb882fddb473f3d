#include "mica/core/ops/conv2d.h"
#include "mica/core/kernels.h"
#include "mica/cuda/choice.h"
#include "mica/cuda/conv2d.h"
#include "mica/cuda/cublaslt_table.h"
#include "mica/cuda/cudnn_conv.h"
#include "mica/cuda/cudnn_table.h"
#include "mica/cuda/product_choice.h"

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
Gemm forward_rows(const Rows& r, const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& y) {
  const int64_t out = w.shape()[0];
  Gemm g{.type = x.dtype(), .c_type = y.dtype(), .m = r.count, .n = out, .k = r.depth, .a = address(x), .a_row = r.depth, .b = address(w), .b_row = 1, .b_column = r.depth,
         .c = address(y), .c_row = out};
  if (bias) { g.bias = address(bias); g.bias_type = bias.dtype(); }
  return g;
}
Gemm data_gradient_rows(const Rows& r, const Tensor& dy, const Tensor& w, const Tensor& dx) {
  const int64_t out = w.shape()[0];
  return {.type = dy.dtype(), .c_type = dx.dtype(), .m = r.count, .n = r.depth, .k = out, .a = address(dy), .a_row = out, .b = address(w), .b_row = r.depth,
          .c = address(dx), .c_row = r.depth};
}
Gemm weight_gradient_rows(const Rows& r, const Tensor& x, const Tensor& dy, const Tensor& dw) {
  const int64_t out = dw.shape()[0];
  return {.type = dy.dtype(), .c_type = dw.dtype(), .m = out, .n = r.depth, .k = r.count, .a = address(dy), .a_row = 1, .a_column = out, .b = address(x), .b_row = r.depth,
          .c = address(dw), .c_row = r.depth};
}

CudnnConv cudnn_conv_of(const Conv2dSizes& s, DType type) {
  return {type, s.n, s.c, s.h, s.w, s.out, s.out_h, s.out_w, s.kernel_h, s.kernel_w, s.stride_h, s.stride_w, s.padding_h, s.padding_w, s.dilation_h, s.dilation_w, s.groups,
          uses_tf32(type)};
}
// One pass by mica's kernels, cuDNN's, or cuBLASLt's where the convolution is a product, whichever was chosen for its sizes. `plain`: results and bias
// have the operands' dtype, as cuDNN wants it; otherwise cuDNN has no such forward pass, and a weight gradient that it rounds to that dtype, taken only by
// name. own(); rows(gemm or cuBLASLt's product, which returns false where there is none); cudnn(algorithm), which does too.
template <class Own, class Rows, class Dnn>
void choose_pass(const Cuda& on, ConvPass pass, const Conv2dSizes& s, DType type, bool bias, bool plain, bool is_product, Own own, Rows rows, Dnn cudnn) {
  const ChoiceKey key("conv2d", {int64_t(pass), int64_t(type), s.n, s.h, s.w, s.c, s.out, s.kernel_h, s.kernel_w, s.stride_h, s.stride_w, s.padding_h, s.padding_w, s.dilation_h,
                                 s.dilation_w, s.groups, bias, plain, uses_tf32(type)});
  if (const Choice* const c = chosen(on, key)) {
    if (c->implementation == "cudnn" && cudnn(c->algorithm)) return;
    if (c->implementation == "cublaslt" && rows()) return;
    return own();
  }
  std::vector<Candidate> all{{{"mica", ""}, [&] { own(); return true; }}};
  if (is_product && has_cublaslt()) all.push_back({{"cublaslt", ""}, [&] { return rows(); }});
  if ((plain || pass == ConvPass::weight_gradient) && has_cudnn())
    for (const CudnnAlgorithm& a : cudnn_algorithms(on, cudnn_conv_of(s, type), pass))
      if (a.deterministic) all.push_back({{"cudnn", a.name}, [&, name = a.name] { return cudnn(name); }, !plain});
  choose(on, key, std::move(all));
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
  const void* const b = bias ? address(bias) : nullptr;
  const DType type = y.dtype(), bias_type = bias ? bias.dtype() : type;
  choose_pass(on, ConvPass::forward, s, type, bool(bias), bias_type == type, rows.possible, [&] {
    if (rows.possible) gemm(on, forward_rows(rows, x, weight, bias, y));
    else if (conv2d_direct::pays(s, type)) conv2d_direct::forward(on, s, type, address(x), address(weight), b, bias_type, address(y));
    else conv2d_implicit::forward(on, s, type, address(x), address(weight), b, bias_type, address(y));
  }, [&] { return library_product(on, forward_rows(rows, x, weight, bias, y)); },
  [&](const std::string& algorithm) { return cudnn_conv_forward(on, cudnn_conv_of(s, type), address(x), address(weight), b, address(y), false, algorithm); });
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
  const DType type = y.dtype();
  const bool direct = conv2d_direct::pays(s, type);
  if (dx)
    choose_pass(on, ConvPass::data_gradient, s, type, false, true, rows.possible, [&] {
      if (rows.possible) gemm(on, data_gradient_rows(rows, dy, weight, dx));
      else if (direct) conv2d_direct::data_gradient(on, s, type, address(dy), address(weight), address(dx));
      else conv2d_implicit::data_gradient(on, s, type, address(dy), address(weight), address(dx));
    }, [&] { return library_product(on, data_gradient_rows(rows, dy, weight, dx)); },
    [&](const std::string& algorithm) { return cudnn_conv_data_gradient(on, cudnn_conv_of(s, type), address(dy), address(weight), address(dx), algorithm); });
  if (dweight)
    choose_pass(on, ConvPass::weight_gradient, s, type, false, dweight.dtype() == type, rows.possible, [&] {
      if (rows.possible) gemm(on, weight_gradient_rows(rows, x, dy, dweight));
      else if (direct) conv2d_direct::weight_gradient(on, s, type, address(x), address(dy), address(dweight), dweight.dtype());
      else conv2d_implicit::weight_gradient(on, s, type, address(x), address(dy), address(dweight), dweight.dtype());
    }, [&] { return library_product(on, weight_gradient_rows(rows, x, dy, dweight)); },
    [&](const std::string& algorithm) {
      const bool rounded = dweight.dtype() != type;
      const Tensor result = rounded ? empty(dweight.shape(), {type, dweight.device()}, Layout::channels_last) : dweight;
      if (!cudnn_conv_weight_gradient(on, cudnn_conv_of(s, type), address(x), address(dy), address(result), algorithm)) return false;
      if (rounded) copy_kernel(on, result, dweight);
      return true;
    });
}

}  // namespace mica
