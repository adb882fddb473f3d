#pragma once
#include "mica/cuda/gpu.h"
// Kernels with one bug each, for the emulated device to find. p: 64 floats, or what the test says; one block of 64 threads unless noted.
__global__ void missing_barrier_kernel(float* p);
__global__ void missing_second_barrier_kernel(float* p);
__global__ void missing_syncwarp_kernel(float* p);
__global__ void partial_syncwarp_kernel(float* p);
__global__ void race_in_block_kernel(float* p);
__global__ void race_between_blocks_kernel(float* p);                                        // two blocks
__global__ void mixed_atomic_kernel(int* p);
__global__ void missing_fence_kernel(float* p, unsigned* count, float* sum, bool with_fence);  // 4 blocks
__global__ void divergent_barrier_kernel(float* p);
__global__ void two_barriers_on_a_line_kernel(float* p);
__global__ void exit_before_barrier_kernel(float* p);
__global__ void exit_before_vote_kernel(float* p);
__global__ void deadlock_kernel(float* p);
__global__ void inactive_lane_kernel(float* p);
__global__ void outside_mask_kernel(float* p);
__global__ void mixed_collectives_kernel(float* p);
__global__ void write_behind_kernel(float* p);
__global__ void read_before_kernel(float* p);
__global__ void shared_behind_kernel(float* p);
__global__ void dynamic_behind_kernel(float* p, int n);                                       // 64 floats of dynamic shared memory
__global__ void no_dynamic_kernel(float* p);
__global__ void uninitialised_shared_kernel(float* p);
__global__ void copy_kernel(const float* from, float* to, int n);
__global__ void null_kernel(float* p, const float* nothing);
__global__ void trap_kernel(float* p);
__global__ void deep_stack_kernel(float* p, int n);
__global__ void shared_kernel(float* p);                                                      // no bug: 256 bytes of static shared memory
__global__ void too_much_shared_kernel(float* p);
