#pragma once
#include <optional>
#include "mica/core/ops/pool_internal.h"
#include "mica/cuda/choice.h"
#include "mica/cuda/cudnn_pool.h"
namespace mica {

// A pooling as cuDNN takes it; nothing where the last window is partly outside.
template <class Op> std::optional<CudnnPool> cudnn_pool_of(const Op& o, const Tensor& x, const Tensor& y, CudnnPoolMode mode) {
  const Shape &in = x.shape(), &out = y.shape();
  const Pair stride = stride_of(o.stride, o.window);
  if (out[2] != (in[2] + 2 * o.padding.h - o.window.h) / stride.h + 1 || out[3] != (in[3] + 2 * o.padding.w - o.window.w) / stride.w + 1) return std::nullopt;
  return CudnnPool{x.dtype(), mode, in[0], in[1], in[2], in[3], out[2], out[3], o.window.h, o.window.w, stride.h, stride.w, o.padding.h, o.padding.w};
}
template <class Op> ChoiceKey pool_key(const char* name, const Op& o, Pair dilation, const Tensor& x, const Tensor& y) {
  const Shape &in = x.shape(), &out = y.shape();
  return {name, {int64_t(x.dtype()), in[0], in[1], in[2], in[3], out[2], out[3], o.window.h, o.window.w, o.stride.h, o.stride.w, o.padding.h, o.padding.w, dilation.h, dilation.w}};
}

}  // namespace mica
