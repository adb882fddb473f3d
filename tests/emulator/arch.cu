#include "mica/tests/emulator/arch.h"
#include "mica/cuda/arch/cp_async.h"
#include "mica/cuda/arch/mma.h"
using namespace mica;

namespace {
template <class T> __device__ uint32_t pair(T low, T high) {
  const T both[2] = {low, high};
  uint32_t result;
  memcpy(&result, both, 4);
  return result;
}
// The parts of d = [16, 8] that a lane holds.
__device__ void store(const float (&d)[4], float* out) {
  const int g = int(threadIdx.x) / 4, t = int(threadIdx.x) % 4;
  for (int i = 0; i < 4; ++i) out[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = d[i];
}
}  // namespace

template <class T> __global__ void mma_kernel(const T* a, const T* b, float* d) {
  const int g = int(threadIdx.x) / 4, t = int(threadIdx.x) % 4;
  uint32_t ra[4], rb[2];
  float rd[4];
  for (int i = 0; i < 4; ++i) {
    const int row = g + i % 2 * 8, column = 2 * t + i / 2 * 8;
    ra[i] = pair(a[row * 16 + column], a[row * 16 + column + 1]);
    rd[i] = d[(g + i / 2 * 8) * 8 + 2 * t + i % 2];
  }
  for (int i = 0; i < 2; ++i) rb[i] = pair(b[(2 * t + i * 8) * 8 + g], b[(2 * t + i * 8 + 1) * 8 + g]);
  mma_16x8x16<T>(rd, ra, rb);
  store(rd, d);
}
template __global__ void mma_kernel<__half>(const __half*, const __half*, float*);
template __global__ void mma_kernel<__nv_bfloat16>(const __nv_bfloat16*, const __nv_bfloat16*, float*);

__global__ void mma_tf32_kernel(const float* a, const float* b, float* d) {
  const int g = int(threadIdx.x) / 4, t = int(threadIdx.x) % 4;
  uint32_t ra[4], rb[2];
  float rd[4];
  for (int i = 0; i < 4; ++i) {
    ra[i] = to_tf32(a[(g + i % 2 * 8) * 8 + t + i / 2 * 4]);
    rd[i] = d[(g + i / 2 * 8) * 8 + 2 * t + i % 2];
  }
  for (int i = 0; i < 2; ++i) rb[i] = to_tf32(b[(t + i * 4) * 8 + g]);
  mma_16x8x8_tf32(rd, ra, rb);
  store(rd, d);
}

template <int n, bool transposed> __global__ void ldmatrix_kernel(const uint16_t* x, uint16_t* y) {
  MICA_SHARED(uint16_t, tile, [n * 8][24]);  // rows apart by a multiple of 16 bytes
  const int lane = int(threadIdx.x);
  for (int i = lane; i < n * 64; i += 32) tile[i / 8][i % 8] = x[i];
  __syncwarp();
  uint32_t r[n];
  ldmatrix<n, transposed>(r, tile[lane < n * 8 ? lane : 0]);
  for (int i = 0; i < n; ++i) {
    y[(i * 32 + lane) * 2] = uint16_t(r[i]);
    y[(i * 32 + lane) * 2 + 1] = uint16_t(r[i] >> 16);
  }
}
template __global__ void ldmatrix_kernel<1, false>(const uint16_t*, uint16_t*);
template __global__ void ldmatrix_kernel<1, true>(const uint16_t*, uint16_t*);
template __global__ void ldmatrix_kernel<2, false>(const uint16_t*, uint16_t*);
template __global__ void ldmatrix_kernel<2, true>(const uint16_t*, uint16_t*);
template __global__ void ldmatrix_kernel<4, false>(const uint16_t*, uint16_t*);
template __global__ void ldmatrix_kernel<4, true>(const uint16_t*, uint16_t*);

template <class T> __global__ void pipeline_kernel(int k, const T* a, const T* b, float* c) {
  MICA_SHARED(uint4, a_tiles, [2][16][3]);  // rows of 16 numbers and 8 of padding
  MICA_SHARED(uint4, b_tiles, [2][16]);     // rows of 8 numbers
  const int lane = int(threadIdx.x);
  const auto copy = [&](int tile) {
    if (tile < k / 16) {
      const int row = lane / 2, part = lane % 2;
      cp_async(&a_tiles[tile % 2][row][part], a + row * k + tile * 16 + part * 8);
      if (lane < 16) cp_async(&b_tiles[tile % 2][lane], b + (tile * 16 + lane) * 8);
    }
    cp_async_commit();  // an empty group at the end, so that one wait serves all
  };
  float d[4] = {};
  copy(0);
  for (int tile = 0; tile < k / 16; ++tile) {
    copy(tile + 1);
    cp_async_wait<1>();
    __syncwarp();
    uint32_t ra[4], rb[2];
    ldmatrix<4>(ra, &a_tiles[tile % 2][lane % 16][lane / 16]);
    ldmatrix<2, true>(rb, &b_tiles[tile % 2][lane % 16]);
    mma_16x8x16<T>(d, ra, rb);
    __syncwarp();
  }
  store(d, c);
}
template __global__ void pipeline_kernel<__half>(int, const __half*, const __half*, float*);
template __global__ void pipeline_kernel<__nv_bfloat16>(int, const __nv_bfloat16*, const __nv_bfloat16*, float*);

__global__ void zeros_kernel(int n, const float4* x, float4* y) {
  MICA_SHARED(float4, tile, [32]);
  const int i = int(threadIdx.x);
  cp_async(&tile[i], i < n ? x + i : x, i < n);
  cp_async_commit();
  cp_async_wait<0>();
  y[i] = tile[i];
}

__global__ void missing_wait_kernel(const float4* x, float4* y) {
  MICA_SHARED(float4, tile, [32]);
  const int i = int(threadIdx.x);
  cp_async(&tile[i], x + i);
  cp_async_commit();
  cp_async_wait<1>();
  y[i] = tile[i];
}

__global__ void missing_commit_kernel(const float4* x, float4* y) {
  MICA_SHARED(float4, tile, [32]);
  const int i = int(threadIdx.x);
  cp_async(&tile[i], x + i);
  cp_async_wait<0>();
  y[i] = tile[i];
}

__global__ void missing_barrier_behind_wait_kernel(const float4* x, float4* y) {
  MICA_SHARED(float4, tile, [32]);
  const int i = int(threadIdx.x);
  cp_async(&tile[i], x + i);  // here: copy without a barrier
  cp_async_commit();
  cp_async_wait<0>();
  y[i] = tile[i ^ 1];  // here: read without a barrier
}

__global__ void misaligned_copy_kernel(const float* x, float* y) {
  MICA_SHARED(float4, tile, [32]);
  const int i = int(threadIdx.x);
  cp_async(&tile[i], x + i);  // here: misaligned copy
  y[i] = 0;
}

__global__ void missing_syncwarp_before_ldmatrix_kernel(const uint16_t* x, uint16_t* y) {
  MICA_SHARED(uint16_t, tile, [8][8]);
  const int lane = int(threadIdx.x);
  tile[lane / 4][lane % 4 * 2] = tile[lane / 4][lane % 4 * 2 + 1] = x[lane];  // here: write before ldmatrix
  uint32_t r[1];
  ldmatrix<1, true>(r, tile[lane % 8]);  // here: ldmatrix without syncwarp
  y[lane] = uint16_t(r[0]);
}

__global__ void misaligned_ldmatrix_kernel(uint16_t* y) {
  MICA_SHARED(uint16_t, tile, [8][9]);
  const int lane = int(threadIdx.x);
  for (int i = lane; i < 72; i += 32) tile[i / 9][i % 9] = 0;
  __syncwarp();
  uint32_t r[1];
  ldmatrix<1>(r, tile[lane % 8]);  // here: misaligned ldmatrix
  y[lane] = uint16_t(r[0]);
}

__global__ void mma_in_half_a_warp_kernel(float* d) {
  const uint32_t a[4] = {}, b[2] = {};
  float rd[4] = {};
  if (threadIdx.x < 16) mma_16x8x16<__half>(rd, a, b);  // here: half a warp
  else __syncwarp();
  store(rd, d);
}
