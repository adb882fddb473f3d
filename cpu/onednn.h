#pragma once
#include <cstddef>
#include <cstdint>
#include "mica/core/dtype.h"
// The float32 and bf16 kernels that come from oneDNN; nothing else of mica knows that library. Its engine is made at first use. Threads as parallel_for.
namespace mica {
struct Matrix;
}
namespace mica::onednn {

// c = op(a) op(b) + beta c, row-major with leading dimensions (elements from one row to the next); op transposes where told. c: [m, n].
void sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, int64_t ldb,
           float beta, float* c, int64_t ldc);

// Whether bf16 is fast here: the machine has instructions for it, and oneDNN and MICA_ISA use them. Else bf16 goes through float.
bool has_bf16();
// c = a b + bias, c f32 or bf16, sums in float. False, and nothing done, where there is no such kernel: without has_bf16(), for strides that
// it does not take, for an empty operand.
bool gemm_bf16(const bfloat16* a, Matrix as, const bfloat16* b, Matrix bs, const float* bias, void* c, DType c_type, Matrix cs);

// A convolution's sizes. Activations are [n, h, w, c] in memory, weights [out, kh, kw, c / groups].
struct Conv {
  int64_t n, c, h, w, out, out_h, out_w, kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w, groups;
  double flops() const { return 2.0 * double(n * out * out_h * out_w) * double(c / groups * kernel_h * kernel_w); }
};
// bias may be null. All sizes are at least 1.
void conv_forward(const Conv& sizes, const float* x, const float* w, const float* bias, float* y);
void conv_backward_data(const Conv& sizes, const float* dy, const float* w, float* dx);
void conv_backward_weights(const Conv& sizes, const float* x, const float* dy, float* dw);
// The same in bf16, summed in float, where has_bf16().
void conv_forward(const Conv& sizes, const bfloat16* x, const bfloat16* w, const float* bias, bfloat16* y);
void conv_backward_data(const Conv& sizes, const bfloat16* dy, const bfloat16* w, bfloat16* dx);
void conv_backward_weights(const Conv& sizes, const bfloat16* x, const bfloat16* dy, float* dw);

}  // namespace mica::onednn
