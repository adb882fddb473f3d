#pragma once
#include <string>
#include <vector>
#include "mica/core/context.h"
#include "mica/core/dtype.h"
namespace mica {

// The sizes of a convolution. x: [n, h, w, c], weight: [out, kernel_h, kernel_w, c / groups], y: [n, out_h, out_w, out] in memory, and gradients
// like them, all of one dtype. cuDNN has f32, f16 and bf16 channels-last, summed in f32; not f64.
struct CudnnConv {
  DType dtype = f32;
  int64_t n, c, h, w, out, out_h, out_w, kernel_h, kernel_w, stride_h = 1, stride_w = 1, padding_h = 0, padding_w = 0, dilation_h = 1, dilation_w = 1, groups = 1;
  bool tf32 = false;  // f32 only: operands are rounded to 10 bits of mantissa
};
enum class ConvPass { forward, data_gradient, weight_gradient };

// One way in which cuDNN computes a pass.
struct CudnnAlgorithm {
  std::string name;  // "implicit_precomp_gemm", with "+tensor_op" or "+default" where it differs from plain multiplication
  int algorithm, math;
  bool deterministic;
  size_t workspace;  // bytes
};

// The algorithms that cuDNN offers, the one that it recommends first; empty where it has none for these sizes and this dtype. An algorithm that
// is offered may still turn out not to be supported when it runs. Kept by sizes: a second call asks cuDNN nothing. Throws CudaError.
std::vector<CudnnAlgorithm> cudnn_algorithms(const Cuda& on, const CudnnConv& conv, ConvPass pass);

// Each queues one pass and returns true, or does nothing and returns false where cuDNN does not support it. algorithm: a name from the list; empty: the
// first deterministic one that works, found at the first call. Device memory; results are overwritten. Throws CudaError where cuDNN fails, Error
// for a name that is not in the list.
// y = conv(x, w) + bias, and max(y, 0) if relu. bias: [out] of the same dtype, or null.
bool cudnn_conv_forward(const Cuda& on, const CudnnConv& conv, const void* x, const void* w, const void* bias, void* y, bool relu = false,
                        const std::string& algorithm = {});
bool cudnn_conv_data_gradient(const Cuda& on, const CudnnConv& conv, const void* dy, const void* w, void* dx, const std::string& algorithm = {});
bool cudnn_conv_weight_gradient(const Cuda& on, const CudnnConv& conv, const void* x, const void* dy, void* dw, const std::string& algorithm = {});
// db[out] = the sum of dy over images and pixels, of dy's dtype.
bool cudnn_conv_bias_gradient(const Cuda& on, const CudnnConv& conv, const void* dy, void* db);

}  // namespace mica
