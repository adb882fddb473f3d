#pragma once
#include "mica/core/context.h"
#include "mica/core/dtype.h"
// Our own kernels of conv2d. In memory x: [n, h, w, c], weight: [out, kernel_h, kernel_w, c / groups], y: [n, out_h, out_w, out], dense; gradients like
// them. `type` is the dtype of x, weight, y, dx and dy; a bias and dweight may be f32 where it is 16-bit. No size is 0. Sums in float, in double for f64.
namespace mica {

struct Conv2dSizes {
  int64_t n, h, w, c, out, out_h, out_w, kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w, groups;
  int64_t pixels() const { return n * out_h * out_w; }
  int64_t taps() const { return kernel_h * kernel_w; }
  int64_t c_group() const { return c / groups; }
  int64_t out_group() const { return out / groups; }
};

// One thread an element of the result: for f64, depthwise layers, and few channels, which would fill no tile.
namespace conv2d_direct {
bool pays(const Conv2dSizes& s, DType type);
void forward(const Cuda& on, const Conv2dSizes& s, DType type, const void* x, const void* weight, const void* bias, DType bias_type, void* y);
void data_gradient(const Cuda& on, const Conv2dSizes& s, DType type, const void* dy, const void* weight, void* dx);
void weight_gradient(const Cuda& on, const Conv2dSizes& s, DType type, const void* x, const void* dy, void* dweight, DType dweight_type);
}  // namespace conv2d_direct

// Products with the matrix of all patches, which is never stored (cuda/operand.h). f32, f16, bf16; fewer than 2^31 pixels of x and of y.
namespace conv2d_implicit {
void forward(const Cuda& on, const Conv2dSizes& s, DType type, const void* x, const void* weight, const void* bias, DType bias_type, void* y);
void data_gradient(const Cuda& on, const Conv2dSizes& s, DType type, const void* dy, const void* weight, void* dx);
void weight_gradient(const Cuda& on, const Conv2dSizes& s, DType type, const void* x, const void* dy, void* dweight, DType dweight_type);
}  // namespace conv2d_implicit

}  // namespace mica
