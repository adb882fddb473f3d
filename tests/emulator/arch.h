#pragma once
#include "mica/cuda/gpu.h"
// Kernels of one warp that use mica/cuda/arch.
template <class T> __global__ void mma_kernel(const T* a, const T* b, float* d);                   // d += a b: [16, 16] [16, 8], from registers
__global__ void mma_tf32_kernel(const float* a, const float* b, float* d);                         // [16, 8] [8, 8]
template <int n, bool transposed> __global__ void ldmatrix_kernel(const uint16_t* x, uint16_t* y);  // y: [n, 32 lanes, 2]
// c = a b for a [16, k] and b [k, 8], k a multiple of 16, through two tiles in shared memory that are copied while products run.
template <class T> __global__ void pipeline_kernel(int k, const T* a, const T* b, float* c);
__global__ void zeros_kernel(int n, const float4* x, float4* y);                                  // y = x where i < n, else 0
__global__ void missing_wait_kernel(const float4* x, float4* y);                                   // a bug; as the following
__global__ void missing_commit_kernel(const float4* x, float4* y);
__global__ void missing_barrier_behind_wait_kernel(const float4* x, float4* y);
__global__ void misaligned_copy_kernel(const float* x, float* y);
__global__ void missing_syncwarp_before_ldmatrix_kernel(const uint16_t* x, uint16_t* y);
__global__ void misaligned_ldmatrix_kernel(uint16_t* y);
__global__ void mma_in_half_a_warp_kernel(float* d);
