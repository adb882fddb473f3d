#pragma once
#include "mica/cuda/strided.h"
// Our own product of matrices.
namespace mica {

// How it is computed. small, large: on CUDA cores, with tiles of 64 x 64 or (f32 only) 128 x 128. automatic: by sizes.
enum class GemmKernel { automatic, small, large };

// c[s] = a[s] b[s] + bias, for all places s of `batch`; where there is a `sum`, the products of all its places are added into the same c.
// a: [m, k], b: [k, n], c: [m, n] with any strides, in elements.
struct Gemm {
  DType type = f32;            // of a and b: any but bool
  DType c_type = f32;          // `type`, or f32 where that is 16-bit
  int64_t m = 0, n = 0, k = 0;
  const void* a = nullptr; int64_t a_row = 0, a_column = 1;
  const void* b = nullptr; int64_t b_row = 0, b_column = 1;
  void* c = nullptr; int64_t c_row = 0, c_column = 1;
  Places<3> batch{};           // of c, a, b
  Places<2> sum{};             // of a, b
  bool add = false;            // to what c holds
  const void* bias = nullptr;  // [n], dense, of a float dtype
  DType bias_type = f32;
  GemmKernel kernel = GemmKernel::automatic;
};

// Queues the product. Sums are taken in float for f32 and 16-bit types, in double for f64, modulo the type for integers; an empty sum is 0.
// Deterministic. Fast where a and b have a stride of 1 and rows, columns and matrices begin at multiples of 16 bytes.
void gemm(const Cuda& on, const Gemm& g);

}  // namespace mica
