#pragma once
#include <cstdint>
#include "mica/core/context.h"
#include "mica/core/dtype.h"
namespace mica {

// What happens to a product before it is stored. The names are of the row-major matrices; c: [m, n].
enum class LtEpilogue {
  none,
  bias,                       // + bias[n]
  relu,                       // max(v, 0). cuBLASLt does not say what becomes of a NaN
  bias_relu,
  relu_mask, bias_relu_mask,  // and one bit for each element that is kept, into aux: opaque, for drelu
  drelu,                      // v where the bit in aux is set, else 0
  drelu_bias_gradient,        // and its sum over the rows, into bias[n]
  gelu, bias_gelu,            // gelu_tanh's formula
  gelu_input, bias_gelu_input,  // and what gelu is taken of, into aux: [m, aux_ld] of c_type
  dgelu,                      // v times gelu's derivative at aux
  dgelu_bias_gradient,        // and its sum over the rows, into bias[n]
  bias_gradient_a,            // no change; the sums of op(a) over k, into bias[m]
  bias_gradient_b,            // no change; the sums of op(b) over k, into bias[n]
};

// c = epilogue(op(a) op(b) + beta c), row-major: op(a): [m, k], op(b): [k, n], c: [m, n]; lda, ldb, ldc: elements from one row to the next in memory.
// a, b: f64, f32, f16 or bf16. c: their dtype, or f32 where that is 16-bit. Sums in f32, in f64 for f64.
struct LtMatmul {
  DType type = f32, c_type = f32;
  bool transpose_a = false, transpose_b = false;
  int64_t m = 0, n = 0, k = 0;
  const void* a = nullptr; int64_t lda = 0;
  const void* b = nullptr; int64_t ldb = 0;
  void* c = nullptr; int64_t ldc = 0;
  int64_t batch = 1, stride_a = 0, stride_b = 0, stride_c = 0;  // matrices; elements from one to the next (0 in a or b: the same one for all)
  double beta = 0;
  LtEpilogue epilogue = LtEpilogue::none;
  void* bias = nullptr;                                         // of c_type, dense; read, or written by *_gradient*
  void* aux = nullptr; int64_t aux_ld = 0;                      // aux_ld: see lt_aux_ld
  bool tf32 = false;                                            // f32 only: operands are rounded to 10 bits of mantissa
};

// The least row of aux: bits for a mask, elements for gelu's input. bytes: of the whole buffer of m rows.
int64_t lt_aux_ld(LtEpilogue epilogue, int64_t n);
size_t lt_aux_bytes(LtEpilogue epilogue, int64_t m, int64_t n, DType c_type);

// Queues the product on the stream; the device is the current one. Descriptors and the algorithm that the library recommends are kept by sizes,
// types and alignment, so that a later call of the same kind makes no search. Deterministic on one kind of GPU. An empty c is left alone.
// Throws CudaError where the library fails or has no such product, Error where k is 0.
void cublaslt_matmul(const Cuda& on, const LtMatmul& m);
// Whether the library has that product: without a call, for the same plan. Epilogues beyond bias and relu are missing in f64 and in batches.
bool cublaslt_supports(const Cuda& on, const LtMatmul& m);
// Forgets all plans (for tests). Their number on this device.
void clear_cublaslt_plans();
size_t cublaslt_plans(const Cuda& on);

}  // namespace mica
