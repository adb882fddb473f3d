#pragma once
#include "mica/cuda/gpu.h"
// Kernels without a bug, one of each pattern mica's own use: they give the right numbers in every order, and nothing is reported.
__global__ void axpy_kernel(int64_t n, float a, const float* x, float* y);                   // any grid: grid-stride
__global__ void add4_kernel(int64_t n, const float4* x, const float4* y, float4* z);
__global__ void scale_bf16_kernel(int64_t n, float a, const __nv_bfloat16* x, __nv_bfloat16* y);
__global__ void sum_tree_kernel(int n, const float* x, float* sum);                          // one block of 256
__global__ void sum_shuffle_kernel(int n, const float* x, float* sum);                       // one block of a multiple of 32
__global__ void sum_cub_kernel(int n, const float* x, float* sum);                           // one block of 256
__global__ void row_sums_kernel(int columns, const float* x, float* sums);                   // a tile of 16 threads a row, 4 rows a block
__global__ void scan_kernel(int n, const int* x, int* y);                                    // one block of 128, dynamic shared memory 2 n ints
__global__ void scan_cub_kernel(int n, const int* x, int* before, int* total);               // one block of 128
__global__ void matmul_kernel(int n, const float* a, const float* b, float* c);              // 16 x 16 threads, n a multiple of 16
__global__ void matmul_wmma_kernel(int n, const __half* a, const __half* b, float* c);       // a warp a 16 x 16 tile
__global__ void histogram_kernel(int n, const int* x, int* counts, float* sum, double* dsum, __half* hsum);
__global__ void votes_kernel(const int* x, int* out);                                        // one block of 64
__global__ void last_block_sum_kernel(int n, const float* x, float* parts, unsigned* count, float* sum);
__global__ void compact_kernel(int n, const int* x, int* positive, int* count);              // one warp: ballots
__global__ void ticket_kernel(int* lock, int* tickets, unsigned long long* sum);              // threads of any grid: mapped memory
__global__ void index_kernel(int* out);                                                      // every thread writes its place in the grid
