#pragma once
// The vendor's headers as the host compiler sees them, and CUDA's qualifiers, which mean nothing there. Plain __shared__ stays undefined:
// kernels use MICA_SHARED, whose memory has red zones.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __constant__
#undef __forceinline__
#undef __noinline__
#undef __launch_bounds__
#undef __grid_constant__
#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#ifdef MICA_EMULATOR_RACE
#define MICA_UNWATCHED __attribute__((no_sanitize("thread")))  // code of the emulator compiled into kernels: the race detector does not see it
#else
#define MICA_UNWATCHED
#endif
