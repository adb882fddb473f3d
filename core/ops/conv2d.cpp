#include "mica/core/ops/conv2d.h"
#include "mica/core/op.h"
#include "mica/core/ops/linear.h"
#include "mica/core/ops/view.h"

namespace mica {
namespace {
std::string by(int64_t h, int64_t w) { return std::to_string(h) + "x" + std::to_string(w); }
void at_least(const char* what, Pair v, int least) {
  if (v.h < least || v.w < least) throw Error(std::string(what) + " is " + by(v.h, v.w) + "; it must be at least " + std::to_string(least));
}
}  // namespace

Spec op::Conv2d::out(const Tensor& x, const Tensor& weight, const Tensor& bias) const {
  at_least("stride", stride, 1);
  at_least("padding", padding, 0);
  at_least("dilation", dilation, 1);
  if (groups < 1) throw Error("groups is " + std::to_string(groups) + "; it must be at least 1");
  if (x.rank() != 4) throw Error("x must be [n, c, h, w], it has " + std::to_string(x.rank()) + " dimensions");
  if (weight.rank() != 4) throw Error("weight must be [out, in / groups, kh, kw], it has " + std::to_string(weight.rank()) + " dimensions");
  if (!is_float(weight.dtype())) throw Error(std::string("needs a float dtype, not ") + name_of(weight.dtype()));
  const Shape &in = x.shape(), &w = weight.shape();
  if (w[1] * groups != in[1])
    throw Error("weight expects " + std::to_string(w[1] * groups) + " input channels, x has " + std::to_string(in[1]));
  if (w[0] % groups) throw Error("weight has " + std::to_string(w[0]) + " output channels, which " + std::to_string(groups) + " groups do not divide");
  if (bias && bias.shape() != Shape{w[0]})
    throw Error("bias must be [" + std::to_string(w[0]) + "] for the output channels of weight, it is " + to_string(bias.shape()));
  if (w[2] < 1 || w[3] < 1) throw Error("the kernel is " + by(w[2], w[3]));
  const int64_t h = in[2] + 2 * padding.h, wide = in[3] + 2 * padding.w, kh = dilation.h * (w[2] - 1) + 1, kw = dilation.w * (w[3] - 1) + 1;
  if (kh > h || kw > wide)
    throw Error("the kernel of " + by(kh, kw) + (dilation == Pair(1) ? "" : " (dilated)") + " is larger than the " + (padding == Pair(0) ? "" : "padded ") +
                "image of " + by(h, wide));
  return {{in[0], w[0], (h - kh) / stride.h + 1, (wide - kw) / stride.w + 1}, weight.dtype()};
}

Work op::Conv2d::work(const Tensor&, const Tensor& weight, const Tensor&, const Tensor& y) const {
  const Shape& w = weight.shape();
  return {y.size() * w[1] * w[2] * w[3], {dilation.h * (w[2] - 1) + 1, dilation.w * (w[3] - 1) + 1}, {stride.h, stride.w}};
}

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, op::Conv2d options) {
  if (x && x.rank() == 3) return select(conv2d(unsqueeze(x, 0), weight, bias, options), 0, 0);
  Tensor in = x, b = bias;
  to_compute_type(in, weight, b);
  return mica::apply(options, in, weight, b);
}

}  // namespace mica
