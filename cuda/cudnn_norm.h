#pragma once
#include "mica/core/context.h"
#include "mica/core/dtype.h"
namespace mica {

// Batch normalization. x, y, add: [n, h, w, c] in memory, of one float dtype. Parameters and statistics: [c], f64 beside f64 and f32 otherwise.
// relu, and add with relu, are fused for f16 with channels in multiples of 4 only; for others these functions return false. add without relu does not exist.
struct CudnnNorm {
  DType dtype = f32;
  int64_t n, c, h, w;
  double eps = 1e-5;
  bool relu = false, add = false;
};

// Bytes that forward writes in training and backward reads; -1 where cuDNN does not support this layer. Kept by sizes. Throws CudaError.
int64_t cudnn_norm_reserve(const Cuda& on, const CudnnNorm& norm);

// Each queues and returns true, or does nothing and returns false where cuDNN does not support it. Throws CudaError.
// y = relu?((x - mean) * inverse_std * weight + bias + add?) with the batch's statistics, which are written; mean = the mean, inverse_std = 1 / sqrt(var + eps),
// var biased. running = (1 - momentum) running + momentum batch, with the unbiased variance; both or neither may be null.
struct CudnnNormForward {
  const void *x, *add, *weight, *bias;  // add: null unless norm.add
  void *y, *running_mean, *running_var, *mean, *inverse_std, *reserve;
  double momentum = 0.1;
};
bool cudnn_norm_forward(const Cuda& on, const CudnnNorm& norm, const CudnnNormForward& arguments);

// y = (x - mean) / sqrt(var + eps) * weight + bias, by given statistics. Not fused with relu or add.
bool cudnn_norm_inference(const Cuda& on, const CudnnNorm& norm, const void* x, const void* weight, const void* bias, const void* mean, const void* var, void* y);

// Gradients of forward in training, from what it has written. dadd: null unless norm.add. y: read with relu only.
struct CudnnNormBackward {
  const void *x, *y, *dy, *weight, *bias, *mean, *inverse_std;
  void *reserve, *dx, *dadd, *dweight, *dbias;
};
bool cudnn_norm_backward(const Cuda& on, const CudnnNorm& norm, const CudnnNormBackward& arguments);

}  // namespace mica
