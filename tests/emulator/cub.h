#pragma once
#include "mica/cuda/gpu.h"
// Kernels and functions that use CUB, as mica's own do: compiled against the emulated device's shim here, against CUB itself by nvcc.
struct Moments { float mean, squares, count; };                                              // 12 bytes: no shuffle moves it at once

__global__ void block_reduce_kernel(int n, const float* x, float* sum, float* largest, float* sum_of_valid);  // a block of 96; n <= 96 are valid
__global__ void block_reduce_items_kernel(const float* x, double* sum);                       // a block of 8 x 5 x 2, 3 items each
__global__ void block_moments_kernel(const float* x, Moments* result);                        // a block of 80
__global__ void warp_reduce_kernel(int n, const int* x, int* sums, int* largest, int* sums_of_valid);  // a block of 64: groups of 8, n of each valid
__global__ void block_scan_kernel(const int* x, int* inclusive, int* exclusive, int* largest, int* totals);  // a block of 70
__global__ void block_scan_items_kernel(const int* x, int* inclusive, int* exclusive, int* total);    // a block of 33, 4 items each
__global__ void block_sort_kernel(float* keys, int* values);                                  // a block of 32, 3 items each; in place
__global__ void block_sort_descending_kernel(int* keys);
__global__ void storage_used_twice_kernel(const float* x, float* sums);                       // a bug: no barrier between two uses; a block of 64
__global__ void wrong_block_size_kernel(const float* x, float* sum);                          // compiled for 64 threads

// Each as its namesake in CUB: without storage it says how many bytes.
namespace cub_functions {
cudaError_t sum(void* storage, size_t& bytes, const float* x, double* y, int64_t n, cudaStream_t stream);
cudaError_t sum(void* storage, size_t& bytes, const int8_t* x, int* y, int64_t n, cudaStream_t stream);
cudaError_t largest(void* storage, size_t& bytes, const __half* x, __half* y, int64_t n, cudaStream_t stream);
cudaError_t smallest(void* storage, size_t& bytes, const int* x, int* y, int n, cudaStream_t stream);
cudaError_t product(void* storage, size_t& bytes, const float* x, float* y, int n, float initial, cudaStream_t stream);
cudaError_t row_sums(void* storage, size_t& bytes, const float* x, float* y, int64_t rows, int columns, cudaStream_t stream);  // segments from an iterator
cudaError_t segment_largest(void* storage, size_t& bytes, const float* x, float* y, int64_t segments, const int64_t* ends, cudaStream_t stream);
cudaError_t segment_smallest(void* storage, size_t& bytes, const float* x, float* y, int64_t segments, const int64_t* ends, cudaStream_t stream);
cudaError_t segment_product(void* storage, size_t& bytes, const float* x, float* y, int64_t segments, const int64_t* ends, cudaStream_t stream);
cudaError_t inclusive_sum(void* storage, size_t& bytes, const int* x, int64_t* y, int64_t n, cudaStream_t stream);
cudaError_t exclusive_sum(void* storage, size_t& bytes, const int* x, int* y, int64_t n, cudaStream_t stream);
cudaError_t running_largest(void* storage, size_t& bytes, const float* x, float* y, int64_t n, cudaStream_t stream);
cudaError_t largest_before(void* storage, size_t& bytes, const float* x, float* y, float initial, int64_t n, cudaStream_t stream);
cudaError_t flagged(void* storage, size_t& bytes, const float* x, const bool* flags, float* y, int64_t* selected, int64_t n, cudaStream_t stream);
cudaError_t places_of_nonzero(void* storage, size_t& bytes, const float* x, int64_t* places, int64_t* selected, int64_t n, cudaStream_t stream);
cudaError_t sort(void* storage, size_t& bytes, const float* keys, float* sorted, const int64_t* values, int64_t* sorted_values, int64_t n, cudaStream_t stream);
cudaError_t sort_descending(void* storage, size_t& bytes, const __nv_bfloat16* keys, __nv_bfloat16* sorted, const int* values, int* sorted_values, int64_t n,
                            cudaStream_t stream);
cudaError_t sort_by_bits(void* storage, size_t& bytes, const int* keys, int* sorted, int64_t n, int first, int last, cudaStream_t stream);
cudaError_t sort_segments(void* storage, size_t& bytes, const float* keys, float* sorted, const int* values, int* sorted_values, int64_t n, int64_t segments,
                          const int* begins, const int* ends, bool descending, cudaStream_t stream);
cudaError_t runs(void* storage, size_t& bytes, const int* x, int* unique, int* lengths, int* count, int n, cudaStream_t stream);
}  // namespace cub_functions
