#pragma once
#include <bit>
#include "mica/core/op.h"
#include "mica/cuda/gpu.h"
#include "mica/cuda/launch.h"
// Numbers in kernels: storage types, the types they are computed in, and 16 bytes of them at a time.
namespace mica {

// x in the type in which kernels compute with it: float for 16-bit floats, x itself otherwise.
template <class T> __device__ __forceinline__ Compute<T> wide(T x) {
  if constexpr (std::is_same_v<T, float16>) return __half2float(__half(__half_raw{x.bits}));
  else if constexpr (std::is_same_v<T, bfloat16>) return __bfloat162float(__nv_bfloat16(__nv_bfloat16_raw{x.bits}));
  else return x;
}
// The reverse, from any number, rounded to nearest even; to bool: whether it is not 0.
template <class T, class V> __device__ __forceinline__ T narrow(V v) {
  if constexpr (std::is_same_v<T, float16>) { float16 y; y.bits = __half_as_ushort(__float2half_rn(float(v))); return y; }
  else if constexpr (std::is_same_v<T, bfloat16>) { bfloat16 y; y.bits = __bfloat16_as_ushort(__float2bfloat16_rn(float(v))); return y; }
  else if constexpr (std::is_same_v<T, bool>) return v != V(0);
  else return T(v);
}

// n neighbours, loaded and stored at once.
template <class T, int n> struct alignas(sizeof(T) * n) Pack { T v[n]; };
template <class T> inline constexpr int per_16_bytes = int(16 / sizeof(T));
inline bool aligned_16(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }

// Element i of memory of any dtype, as a T. The dtype is the same for all threads, so the branch costs little.
template <class T> __device__ __forceinline__ T load(const void* p, DType t, int64_t i) {
  switch (t) {
    case f64: return T(static_cast<const double*>(p)[i]);
    case f32: return T(static_cast<const float*>(p)[i]);
    case f16: return T(wide(static_cast<const float16*>(p)[i]));
    case bf16: return T(wide(static_cast<const bfloat16*>(p)[i]));
    case i64: return T(static_cast<const int64_t*>(p)[i]);
    case i32: return T(static_cast<const int32_t*>(p)[i]);
    case u8: return T(static_cast<const uint8_t*>(p)[i]);
    default: return T(static_cast<const bool*>(p)[i]);
  }
}
template <class T> __device__ __forceinline__ void store(void* p, DType t, int64_t i, T v) {
  switch (t) {
    case f64: static_cast<double*>(p)[i] = double(v); return;
    case f32: static_cast<float*>(p)[i] = float(v); return;
    case f16: static_cast<float16*>(p)[i] = narrow<float16>(v); return;
    case bf16: static_cast<bfloat16*>(p)[i] = narrow<bfloat16>(v); return;
    case i64: static_cast<int64_t*>(p)[i] = int64_t(v); return;
    case i32: static_cast<int32_t*>(p)[i] = int32_t(v); return;
    case u8: static_cast<uint8_t*>(p)[i] = uint8_t(v); return;
    default: static_cast<bool*>(p)[i] = v != T(0);
  }
}

// Threads of a block, and blocks for n threads. Kernels that take 64-bit sizes number their threads with thread_number().
inline constexpr unsigned block_threads = 256;
inline dim3 blocks_for(int64_t n, int64_t per_block = block_threads) { return dim3(unsigned((n + per_block - 1) / per_block)); }
__device__ __forceinline__ int64_t thread_number() { return int64_t(blockIdx.x) * blockDim.x + threadIdx.x; }
// A tensor's memory without gaps can be taken as one row of size() elements, whatever the order of its dimensions.
inline bool one_row(const Tensor& x, const Tensor& y) { return is_packed(y.shape(), y.strides()) && same_order(y.shape(), x.strides(), y.strides()); }

}  // namespace mica
