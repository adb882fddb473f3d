#pragma once
#include <cstddef>
#include <cstdint>
// The float32 kernels that come from oneDNN; nothing else of mica knows that library. Its engine is made at first use. Threads as parallel_for.
namespace mica::onednn {

// c = op(a) op(b) + beta c, row-major with leading dimensions (elements from one row to the next); op transposes where told. c: [m, n].
void sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, int64_t ldb,
           float beta, float* c, int64_t ldc);

// A convolution's sizes. Activations are [n, h, w, c] in memory, weights [out, kh, kw, c / groups].
struct Conv {
  int64_t n, c, h, w, out, out_h, out_w, kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w, groups;
  double flops() const { return 2.0 * double(n * out * out_h * out_w) * double(c / groups * kernel_h * kernel_w); }
};
// bias may be null. All sizes are at least 1.
void conv_forward(const Conv& sizes, const float* x, const float* w, const float* bias, float* y);
void conv_backward_data(const Conv& sizes, const float* dy, const float* w, float* dx);
void conv_backward_weights(const Conv& sizes, const float* x, const float* dy, float* dw);

}  // namespace mica::onednn
