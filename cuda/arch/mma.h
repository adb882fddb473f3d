#pragma once
#include <cstdint>
#include "mica/cuda/arch/place.h"
// Products of small matrices by the lanes of one warp, all of which take part (PTX ISA, "mma" and "ldmatrix"; from sm_80 on: before that they trap).
// With g = lane / 4 and t = lane % 4 a lane holds, two 16-bit numbers a register, the lower column (row, for b) in the lower half:
//   16 x 8 x 16, f16 and bf16   a: (g, 2t), (g + 8, 2t), (g, 2t + 8), (g + 8, 2t + 8)    b: (2t, g), (2t + 8, g)
//   16 x 8 x 8, tf32            a: (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4)        b: (t, g), (t + 4, g)
//   both                        d: (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1), in float
#if !defined(__CUDACC__)
#include "mica/tests/emulator/matrix.h"
#endif
namespace mica {

// d += a b. T: __half or __nv_bfloat16.
template <class T> __device__ __forceinline__ void mma_16x8x16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], [[maybe_unused]] CallPlace where = CallPlace::current()) {
  static_assert(std::is_same_v<T, __half> || std::is_same_v<T, __nv_bfloat16>);
#if !defined(__CUDACC__)
  emulator::mma<16, T>(d, a, b, "mma_16x8x16", where);
#elif __CUDA_ARCH__ >= 800
  if constexpr (std::is_same_v<T, __half>)
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  else
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  __trap();
#endif
}

// The nearest tf32 number, ties away from zero, as the bits of a float.
__device__ __forceinline__ uint32_t to_tf32(float x) {
#if !defined(__CUDACC__)
  return emulator::to_tf32(x);
#elif __CUDA_ARCH__ >= 800
  uint32_t result;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(result) : "f"(x));
  return result;
#else
  __trap();
  return 0;
#endif
}

// d += a b, of tf32 numbers; the 13 lowest bits of an operand are ignored.
__device__ __forceinline__ void mma_16x8x8_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], [[maybe_unused]] CallPlace where = CallPlace::current()) {
#if !defined(__CUDACC__)
  emulator::mma<8, float>(d, a, b, "mma_16x8x8_tf32", where);
#elif __CUDA_ARCH__ >= 800
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  __trap();
#endif
}

// n (1, 2 or 4) matrices of 8 x 8 16-bit numbers from shared memory. Lane 8 i + r gives the address of row r of matrix i, a multiple of 16; lanes
// from 8 n on give none. r[i] is (g, 2t) and (g, 2t + 1) of matrix i; transposed, (2t, g) and (2t + 1, g). So a 16 x 16 a in rows is n = 4 with
// rows 0-7, 8-15 of columns 0-7, then of 8-15; a b of 16 x 8 is n = 2, transposed where its rows are rows of k.
// What other lanes have written needs a __syncwarp before.
template <int n, bool transposed = false> __device__ __forceinline__ void ldmatrix(uint32_t (&r)[n], const void* row, [[maybe_unused]] CallPlace where = CallPlace::current()) {
  static_assert(n == 1 || n == 2 || n == 4);
#if !defined(__CUDACC__)
  emulator::load_matrices(r, n, transposed, row, "ldmatrix", where);
#elif __CUDA_ARCH__ >= 750
  const unsigned address = unsigned(__cvta_generic_to_shared(row));
  if constexpr (n == 1 && !transposed) asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(r[0]) : "r"(address) : "memory");
  if constexpr (n == 1 && transposed) asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];" : "=r"(r[0]) : "r"(address) : "memory");
  if constexpr (n == 2 && !transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];" : "=r"(r[0]), "=r"(r[1]) : "r"(address) : "memory");
  if constexpr (n == 2 && transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];" : "=r"(r[0]), "=r"(r[1]) : "r"(address) : "memory");
  if constexpr (n == 4 && !transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
  if constexpr (n == 4 && transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
#else
  __trap();
#endif
}

}  // namespace mica
