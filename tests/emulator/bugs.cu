#include "mica/tests/emulator/bugs.h"

__global__ void missing_barrier_kernel(float* p) {
  MICA_SHARED(float, values, [64]);
  const int i = threadIdx.x;
  values[i] = float(i);        // here: missing barrier, write
  p[i] = values[(i + 32) % 64];  // here: missing barrier, read
}

__global__ void missing_second_barrier_kernel(float* p) {
  MICA_SHARED(float, values, [64]);
  const int i = threadIdx.x;
  float sum = 0;
  for (int round = 0; round < 3; ++round) {
    values[i] = float(i + round);  // here: missing second barrier, write
    __syncthreads();
    sum += values[63 - i];  // here: missing second barrier, read
  }
  p[i] = sum;
}

__global__ void missing_syncwarp_kernel(float* p) {
  MICA_SHARED(float, values, [64]);
  const int i = threadIdx.x;
  values[i] = float(i);   // here: missing syncwarp, write
  p[i] = values[i ^ 1];  // here: missing syncwarp, read
}

// The lanes of each half wait for each other, and read the other half's.
__global__ void partial_syncwarp_kernel(float* p) {
  MICA_SHARED(float, values, [64]);
  const int i = threadIdx.x;
  values[i] = float(i);
  __syncwarp(i % 32 < 16 ? 0xffffu : 0xffff0000u);
  p[i] = values[i ^ 16];  // here: partial syncwarp
}

__global__ void race_in_block_kernel(float* p) {
  p[threadIdx.x % 8] = float(threadIdx.x);  // here: race in block
}

__global__ void race_between_blocks_kernel(float* p) {
  if (threadIdx.x == 0) p[0] += 1;  // here: race between blocks
}

__global__ void mixed_atomic_kernel(int* p) {
  if (threadIdx.x == 0) p[0] = 7;  // here: mixed atomic, write
  else atomicAdd(p, 1);            // here: mixed atomic, add
}

// Each block writes its part; the last one to count itself adds them up.
__global__ void missing_fence_kernel(float* p, unsigned* count, float* sum, bool with_fence) {
  MICA_SHARED(bool, last);
  if (threadIdx.x == 0) {
    p[blockIdx.x] = float(blockIdx.x + 1);  // here: missing fence, write
    if (with_fence) __threadfence();
    last = atomicAdd(count, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && threadIdx.x == 0) {
    float total = 0;
    for (unsigned i = 0; i < gridDim.x; ++i) total += p[i];  // here: missing fence, read
    *sum = total;
  }
}

__global__ void divergent_barrier_kernel(float* p) {
  if (threadIdx.x < 32) {
    __syncthreads();  // here: divergent barrier, one
    p[threadIdx.x] = 1;
  } else {
    p[threadIdx.x] = 2;
    __syncthreads();  // here: divergent barrier, other
  }
}

__global__ void two_barriers_on_a_line_kernel(float* p) {
  if (threadIdx.x < 32) { __syncthreads(); } else { __syncthreads(); }  // here: two barriers on a line
  p[threadIdx.x] = 1;
}

__global__ void exit_before_barrier_kernel(float* p) {
  if (threadIdx.x >= 40) return;
  __syncthreads();  // here: exit before barrier
  p[threadIdx.x] = 1;
}

__global__ void exit_before_vote_kernel(float* p) {
  if (threadIdx.x == 5) return;
  p[threadIdx.x] = float(__syncthreads_count(1));  // here: exit before vote
}

__global__ void deadlock_kernel(float* p) {
  if (threadIdx.x < 16) __syncwarp();  // here: deadlock, warp
  else __syncthreads();                // here: deadlock, block
  p[threadIdx.x] = 1;
}

__global__ void inactive_lane_kernel(float* p) {
  float value = float(threadIdx.x);
  if (threadIdx.x % 32 < 16) value = __shfl_xor_sync(0xffffu, value, 16);  // here: inactive lane
  p[threadIdx.x] = value;
}

__global__ void outside_mask_kernel(float* p) {
  p[threadIdx.x] = __shfl_sync(0x7fffffffu, float(threadIdx.x), 0);  // here: outside mask
}

__global__ void mixed_collectives_kernel(float* p) {
  float value = 1;
  if (threadIdx.x % 2) value = __shfl_xor_sync(~0u, value, 1);  // here: mixed collectives, one
  else __syncwarp();                                            // here: mixed collectives, other
  p[threadIdx.x] = value;
}

__global__ void write_behind_kernel(float* p) {
  p[threadIdx.x + 1] = 1;  // here: write behind
}

__global__ void read_before_kernel(float* p) {
  if (threadIdx.x < 63) p[threadIdx.x + 1] = p[int(threadIdx.x) - 1];  // here: read before
}

__global__ void shared_behind_kernel(float* p) {
  MICA_SHARED(float, values, [64]);
  float* first = values;
  first[threadIdx.x + 1] = 1;  // here: shared behind
  p[threadIdx.x] = 0;
}

__global__ void dynamic_behind_kernel(float* p, int n) {
  MICA_DYNAMIC_SHARED(float, values);
  values[threadIdx.x + unsigned(n)] = 1;  // here: dynamic behind
  p[threadIdx.x] = 0;
}

__global__ void no_dynamic_kernel(float* p) {
  MICA_DYNAMIC_SHARED(float, values);
  p[threadIdx.x] = values ? 1.0f : 0.0f;
}

__global__ void shared_kernel(float* p) {
  MICA_SHARED(float, values, [64]);
  values[threadIdx.x] = 1;
  p[threadIdx.x] = values[threadIdx.x];
}

__global__ void uninitialised_shared_kernel(float* p) {
  MICA_SHARED(float, values, [64]);
  p[threadIdx.x] = values[threadIdx.x];  // here: uninitialised shared
}

__global__ void copy_kernel(const float* from, float* to, int n) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) to[i] = from[i];  // here: copy
}

__global__ void null_kernel(float* p, const float* nothing) {
  p[threadIdx.x] = nothing[threadIdx.x];  // here: null
}

__global__ void trap_kernel(float* p) {
  if (threadIdx.x == 3) __trap();  // here: trap
  p[threadIdx.x] = 1;
}

__global__ void deep_stack_kernel(float* p, int n) {
  float many[100000];
  for (int i = 0; i < n; ++i) many[i] = p[i % 64];  // here: deep stack
  p[threadIdx.x] = many[n / 2];
}

#ifndef __CUDACC__  // ptxas refuses it
__global__ void too_much_shared_kernel(float* p) {
  MICA_SHARED(float, values, [16384]);
  values[threadIdx.x] = 1;
  p[threadIdx.x] = values[threadIdx.x];
}
#endif
