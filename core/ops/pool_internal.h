#pragma once
#include "mica/core/ops/pair.h"
#include "mica/core/contract.h"
namespace mica {

// The shape of x [n, c, h, w] after pooling; checks x and the options. stride 0 is the window's.
Shape pooled(const Tensor& x, Pair window, Pair stride, Pair padding, Pair dilation, bool ceil);
Shape pooled(const Tensor& x, Pair size);  // adaptive
inline Pair stride_of(Pair stride, Pair window) { return {stride.h ? stride.h : window.h, stride.w ? stride.w : window.w}; }
// What a pooled position sees.
inline Work pool_work(Pair window, Pair stride, Pair dilation) {
  stride = stride_of(stride, window);
  return {0, {dilation.h * (window.h - 1) + 1, dilation.w * (window.w - 1) + 1}, {stride.h, stride.w}};
}
inline Work adaptive_pool_work(const Tensor& x, Pair size) {
  const int64_t h = x.shape()[2], w = x.shape()[3];
  return {0, {(h + size.h - 1) / size.h, (w + size.w - 1) / size.w}, {std::max<int64_t>(1, h / size.h), std::max<int64_t>(1, w / size.w)}};
}

}  // namespace mica
