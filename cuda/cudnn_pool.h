#pragma once
#include "mica/core/context.h"
#include "mica/core/dtype.h"
namespace mica {

// The sizes of a pooling. x: [n, h, w, c], y: [n, out_h, out_w, c] in memory, of one float dtype. cuDNN has no dilation, and no last window that is partly
// outside: out_h = (h + 2 padding_h - window_h) / stride_h + 1, rounded down.
enum class CudnnPoolMode { max, average, average_without_padding };  // average counts padded zeros
struct CudnnPool {
  DType dtype = f32;
  CudnnPoolMode mode = CudnnPoolMode::max;
  int64_t n, c, h, w, out_h, out_w, window_h, window_w, stride_h = 1, stride_w = 1, padding_h = 0, padding_w = 0;
};

// Each queues the pass and returns true, or does nothing and returns false where cuDNN does not support it. Deterministic. NaN wins a maximum; which of
// equal values gets its gradient cuDNN does not say. Throws CudaError.
bool cudnn_pool_forward(const Cuda& on, const CudnnPool& pool, const void* x, void* y);
bool cudnn_pool_backward(const Cuda& on, const CudnnPool& pool, const void* x, const void* y, const void* dy, void* dx);

}  // namespace mica
