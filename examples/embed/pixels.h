#pragma once
#include <cstdint>
#include <cuda_runtime.h>

// x[i] = (pixels[i] - 128) / 64 for n pixels, queued in `stream`. Both are memory of the GPU. Throws mica::CudaError if the launch fails.
void to_float(cudaStream_t stream, int64_t n, const uint8_t* pixels, float* x);
