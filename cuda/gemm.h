#pragma once
#include "mica/core/context.h"
#include "mica/core/dtype.h"
#include "mica/core/shape.h"
// Our own product of matrices.
namespace mica {

// How it is computed: on CUDA cores (f64, f32, bf16), or on tensor cores (f16, bf16), with tiles of 64 x 64, or of 128 x 128 (on CUDA cores only f32).
// automatic: by type and sizes. What the type does not have is replaced by what it has; integers have a kernel of their own.
enum class GemmKernel { automatic, small, large, tensor_small, tensor_large };

// Nested loops, the innermost last, through which n matrices step by these numbers of elements, 0 where one is the same for all.
template <int n> struct Loops {
  int rank = 0;
  int64_t count = 1, size[Shape::max_rank], stride[n][Shape::max_rank];
  template <class... S> void add(int64_t extent, S... steps) {
    static_assert(sizeof...(S) == n);
    int t = 0;
    ((stride[t++][rank] = steps), ...);
    size[rank++] = extent;
    count *= extent;
  }
};

// c[s] = a[s] b[s] + bias, for all s of `batch`; where there is a `sum`, the products of all its terms are added into the same c.
// a: [m, k], b: [k, n], c: [m, n] with any strides, in elements.
struct Gemm {
  DType type = f32;            // of a and b: any but bool
  DType c_type = f32;          // `type`, or f32 where that is 16-bit
  int64_t m = 0, n = 0, k = 0;
  const void* a = nullptr; int64_t a_row = 0, a_column = 1;
  const void* b = nullptr; int64_t b_row = 0, b_column = 1;
  void* c = nullptr; int64_t c_row = 0, c_column = 1;
  Loops<3> batch{};            // of c, a, b
  Loops<2> sum{};              // of a, b
  bool add = false;            // to what c holds
  const void* bias = nullptr;  // [n], dense, of a float dtype
  DType bias_type = f32;
  GemmKernel kernel = GemmKernel::automatic;
};

// Queues the product. Sums are taken in float for f32 and 16-bit types, in double for f64, modulo the type for integers; an empty sum is 0.
// Deterministic. Fast where a and b have a stride of 1 and rows, columns and matrices begin at multiples of 16 bytes.
void gemm(const Cuda& on, const Gemm& g);

}  // namespace mica
