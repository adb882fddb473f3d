#pragma once
// The one header of a kernel file. nvcc compiles it for a GPU; the host's compiler (-x c++) for the emulated device, which runs the same kernels
// on the CPU, thread by thread, and finds races, missing barriers and accesses out of bounds (docs/design.md, "The emulated device").
//
// A kernel declares shared memory with MICA_SHARED(float, tile, [32][33]), or MICA_DYNAMIC_SHARED(float, values) for what the launch asked for,
// so that in the emulator it has red zones and begins as NaN. Kernels are launched by launch() of mica/cuda/launch.h.
#ifdef __CUDACC__
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#define MICA_SHARED(T, name, ...) __shared__ T name __VA_ARGS__
#define MICA_DYNAMIC_SHARED(T, name)                                  \
  extern __shared__ __align__(128) unsigned char mica_dynamic_shared[]; \
  T* const name = reinterpret_cast<T*>(mica_dynamic_shared)
#else
#include "mica/tests/emulator/device.h"
#endif
