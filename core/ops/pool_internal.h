#pragma once
#include "mica/core/ops/pair.h"
#include "mica/core/tensor.h"
namespace mica {

// The shape of x [n, c, h, w] after pooling; checks x and the options. stride 0 is the window's.
Shape pooled(const Tensor& x, Pair window, Pair stride, Pair padding, Pair dilation, bool ceil);
Shape pooled(const Tensor& x, Pair size);  // adaptive
inline Pair stride_of(Pair stride, Pair window) { return {stride.h ? stride.h : window.h, stride.w ? stride.w : window.w}; }

}  // namespace mica
