#include "mica/core/ops/max_pool2d.h"
#include "mica/core/op.h"
#include "mica/core/ops/pool_internal.h"

namespace mica {
namespace {
std::string times(Pair p) { return std::to_string(p.h) + " x " + std::to_string(p.w); }
void check_images(const Tensor& x) {
  if (x.rank() != 4) throw Error("x must have 4 dimensions (n, c, h, w), it has " + std::to_string(x.rank()));
  if (!is_float(x.dtype())) throw Error(std::string("x is ") + name_of(x.dtype()) + "; cast it to a float dtype");
}
int64_t pooled_size(int64_t in, int64_t window, int64_t stride, int64_t padding, int64_t dilation, bool ceil) {
  const int64_t room = in + 2 * padding - dilation * (window - 1) - 1;
  if (room < 0) return 0;
  int64_t out = (room + (ceil ? stride - 1 : 0)) / stride + 1;
  if (ceil && (out - 1) * stride >= in + padding) --out;  // a window must begin inside x or its leading padding
  return out;
}
}  // namespace

Shape pooled(const Tensor& x, Pair window, Pair stride, Pair padding, Pair dilation, bool ceil) {
  check_images(x);
  stride = stride_of(stride, window);
  if (window.h < 1 || window.w < 1) throw Error("the window is " + times(window) + "; it must be at least 1 x 1");
  if (stride.h < 1 || stride.w < 1) throw Error("the stride is " + times(stride) + "; it must be at least 1 x 1");
  if (dilation.h < 1 || dilation.w < 1) throw Error("the dilation is " + times(dilation) + "; it must be at least 1 x 1");
  if (padding.h < 0 || padding.w < 0 || 2 * padding.h > window.h || 2 * padding.w > window.w)
    throw Error("the padding is " + times(padding) + "; it must be between 0 and half of the window " + times(window));
  const int64_t h = pooled_size(x.shape()[2], window.h, stride.h, padding.h, dilation.h, ceil), w = pooled_size(x.shape()[3], window.w, stride.w, padding.w, dilation.w, ceil);
  if (x.shape()[2] < 1 || x.shape()[3] < 1 || h < 1 || w < 1)
    throw Error("a window of " + times(window) + (dilation == Pair(1) ? "" : " at dilation " + times(dilation)) + " does not fit into " +
                std::to_string(x.shape()[2]) + " x " + std::to_string(x.shape()[3]) + (padding == Pair(0) ? "" : " with padding " + times(padding)));
  return {x.shape()[0], x.shape()[1], h, w};
}
Shape pooled(const Tensor& x, Pair size) {
  check_images(x);
  if (size.h < 1 || size.w < 1) throw Error("the size is " + times(size) + "; it must be at least 1 x 1");
  if (x.shape()[2] < 1 || x.shape()[3] < 1) throw Error("x has no pixels");
  return {x.shape()[0], x.shape()[1], size.h, size.w};
}

Spec op::MaxPool2d::out(const Tensor& x) const { return {pooled(x, window, stride, padding, dilation, ceil), x.dtype()}; }
Spec op::AdaptiveMaxPool2d::out(const Tensor& x) const { return {pooled(x, size), x.dtype()}; }
Work op::MaxPool2d::work(const Tensor&, const Tensor&) const { return pool_work(window, stride, dilation); }
Work op::AdaptiveMaxPool2d::work(const Tensor& x, const Tensor&) const { return adaptive_pool_work(x, size); }
Tensor max_pool2d(const Tensor& x, op::MaxPool2d options) { return apply(options, x); }
Tensor adaptive_max_pool2d(const Tensor& x, Pair size) { return apply(op::AdaptiveMaxPool2d{size}, x); }

}  // namespace mica
