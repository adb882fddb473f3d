#include "pixels.h"
#include <mica/cuda/gpu.h>
#include <mica/cuda/launch.h>

// One thread converts one pixel: 1 byte read, 4 written. Deterministic.
__global__ void to_float_kernel(int64_t n, const uint8_t* pixels, float* x) {
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) x[i] = (float(pixels[i]) - 128) / 64;
}

void to_float(cudaStream_t stream, int64_t n, const uint8_t* pixels, float* x) {
  mica::launch({.stream = stream}, {unsigned((n + 255) / 256), 256}, to_float_kernel, n, pixels, x);
}
