#include "mica/tests/emulator/kernels.h"
#include <cub/cub.cuh>
#include <mma.h>

__global__ void axpy_kernel(int64_t n, float a, const float* x, float* y) {
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += int64_t(gridDim.x) * blockDim.x) y[i] += a * __ldg(x + i);
}

__global__ void add4_kernel(int64_t n, const float4* x, const float4* y, float4* z) {
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const float4 a = x[i], b = y[i];
  z[i] = make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

__global__ void scale_bf16_kernel(int64_t n, float a, const __nv_bfloat16* x, __nv_bfloat16* y) {
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) y[i] = __float2bfloat16(a * __bfloat162float(x[i]));
}

__global__ void sum_tree_kernel(int n, const float* x, float* sum) {
  MICA_SHARED(float, parts, [256]);
  const int t = int(threadIdx.x);
  float mine = 0;
  for (int i = t; i < n; i += 256) mine += x[i];
  parts[t] = mine;
  __syncthreads();
  for (int half = 128; half; half /= 2) {
    if (t < half) parts[t] += parts[t + half];
    __syncthreads();
  }
  if (t == 0) *sum = parts[0];
}

__device__ float warp_sum(float value) {
  for (int step = 16; step; step /= 2) value += __shfl_xor_sync(~0u, value, step);
  return value;
}

__global__ void sum_shuffle_kernel(int n, const float* x, float* sum) {
  MICA_SHARED(float, parts, [32]);
  const int lane = int(threadIdx.x % 32), warp = int(threadIdx.x / 32);
  float mine = 0;
  for (int i = int(threadIdx.x); i < n; i += int(blockDim.x)) mine += x[i];
  mine = warp_sum(mine);
  if (lane == 0) parts[warp] = mine;
  __syncthreads();
  if (warp != 0) return;
  mine = warp_sum(lane < int(blockDim.x / 32) ? parts[lane] : 0.0f);
  if (lane == 0) *sum = mine;
}

__global__ void sum_cub_kernel(int n, const float* x, float* sum) {
  using Reduce = cub::BlockReduce<float, 256>;
  MICA_SHARED(Reduce::TempStorage, storage);
  float mine = 0;
  for (int i = int(threadIdx.x); i < n; i += 256) mine += x[i];
  const float total = Reduce(storage).Sum(mine);
  if (threadIdx.x == 0) *sum = total;
}

__global__ void row_sums_kernel(int columns, const float* x, float* sums) {
  namespace cg = cooperative_groups;
  const auto tile = cg::tiled_partition<16>(cg::this_thread_block());
  const int row = int(blockIdx.x) * 4 + int(tile.meta_group_rank());
  float mine = 0;
  for (int i = int(tile.thread_rank()); i < columns; i += 16) mine += x[row * columns + i];
  mine = cg::reduce(tile, mine, cg::plus<float>());
  if (tile.thread_rank() == 0) sums[row] = mine;
}

// Hillis and Steele: in each round an element adds the one 2^round before it, from one buffer into the other.
__global__ void scan_kernel(int n, const int* x, int* y) {
  MICA_DYNAMIC_SHARED(int, buffers);
  const int t = int(threadIdx.x);
  int *from = buffers, *to = buffers + n;
  if (t < n) from[t] = x[t];
  __syncthreads();
  for (int step = 1; step < n; step *= 2) {
    if (t < n) to[t] = from[t] + (t >= step ? from[t - step] : 0);
    __syncthreads();
    int* const swapped = from;
    from = to;
    to = swapped;
  }
  if (t < n) y[t] = from[t];
}

__global__ void scan_cub_kernel(int n, const int* x, int* before, int* total) {
  using Scan = cub::BlockScan<int, 128>;
  MICA_SHARED(Scan::TempStorage, storage);
  const int t = int(threadIdx.x);
  int sum, all;
  Scan(storage).ExclusiveSum(t < n ? x[t] : 0, sum, all);
  if (t < n) before[t] = sum;
  if (t == 0) *total = all;
}

__global__ void matmul_kernel(int n, const float* a, const float* b, float* c) {
  MICA_SHARED(float, a_tile, [16][17]);
  MICA_SHARED(float, b_tile, [16][17]);
  const int x = int(threadIdx.x), y = int(threadIdx.y), row = int(blockIdx.y) * 16 + y, column = int(blockIdx.x) * 16 + x;
  float sum = 0;
  for (int k = 0; k < n; k += 16) {
    a_tile[y][x] = a[row * n + k + x];
    b_tile[y][x] = b[(k + y) * n + column];
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 16; ++i) sum += a_tile[y][i] * b_tile[i][x];
    __syncthreads();
  }
  c[row * n + column] = sum;
}

__global__ void matmul_wmma_kernel(int n, const __half* a, const __half* b, float* c) {
  namespace wmma = nvcuda::wmma;
  const int row = int(blockIdx.y * blockDim.y + threadIdx.y) * 16, column = int(blockIdx.x) * 16;
  if (row >= n) return;
  wmma::fragment<wmma::matrix_a, 16, 16, 16, __half, wmma::row_major> a_tile;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, __half, wmma::row_major> b_tile;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sums;
  wmma::fill_fragment(sums, 0.0f);
  for (int k = 0; k < n; k += 16) {
    wmma::load_matrix_sync(a_tile, a + row * n + k, unsigned(n));
    wmma::load_matrix_sync(b_tile, b + k * n + column, unsigned(n));
    wmma::mma_sync(sums, a_tile, b_tile, sums);
  }
  wmma::store_matrix_sync(c + row * n + column, sums, unsigned(n), wmma::mem_row_major);
}

__global__ void histogram_kernel(int n, const int* x, int* counts, float* sum, double* dsum, __half* hsum) {
  MICA_SHARED(int, mine, [16]);
  if (threadIdx.x < 16) mine[threadIdx.x] = 0;
  __syncthreads();
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) {
    atomicAdd(&mine[x[i] % 16], 1);
    atomicAdd(sum, 1.0f);
    atomicAdd(dsum, 0.5);
    if (i < 64) atomicAdd(hsum, __float2half(1.0f));
  }
  __syncthreads();
  if (threadIdx.x < 16) atomicAdd(&counts[threadIdx.x], mine[threadIdx.x]);
}

__global__ void votes_kernel(const int* x, int* out) {
  const int value = x[threadIdx.x];
  const int count = __syncthreads_count(value > 0), all = __syncthreads_and(value > -100), any = __syncthreads_or(value > 100);
  const int warp_any = __any_sync(~0u, value > 40), warp_all = __all_sync(~0u, value > -1);
  const unsigned equal = __match_any_sync(~0u, value % 4);
  const int highest = __reduce_max_sync(~0u, value);
  int* mine = out + threadIdx.x * 7;
  mine[0] = count;
  mine[1] = all != 0;
  mine[2] = any != 0;
  mine[3] = warp_any != 0;
  mine[4] = warp_all != 0;
  mine[5] = __popc(equal);
  mine[6] = highest;
}

__global__ void last_block_sum_kernel(int n, const float* x, float* parts, unsigned* count, float* sum) {
  MICA_SHARED(bool, last);
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  float mine = warp_sum(i < n ? x[i] : 0.0f);
  if (threadIdx.x == 0) {
    parts[blockIdx.x] = mine;
    __threadfence();
    last = atomicAdd(count, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (!last) return;
  mine = 0;
  for (unsigned j = threadIdx.x; j < gridDim.x; j += 32) mine += parts[j];
  mine = warp_sum(mine);
  if (threadIdx.x == 0) *sum = mine;
}

__global__ void compact_kernel(int n, const int* x, int* positive, int* count) {
  int found = 0;
  for (int first = 0; first < n; first += 32) {
    const int i = first + int(threadIdx.x);
    const bool take = i < n && x[i] > 0;
    const unsigned lanes = __ballot_sync(~0u, take);
    if (take) positive[found + __popc(lanes & ((1u << threadIdx.x) - 1))] = x[i];
    found += __popc(lanes);
  }
  if (threadIdx.x == 0) *count = found;
}

// The first thread to come takes the lock and leaves its number; each swaps a ticket and adds to a sum.
__global__ void ticket_kernel(int* lock, int* tickets, unsigned long long* sum) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (atomicCAS(lock, 0, 1) == 0) {
    lock[1] = i;
    __threadfence_system();
  }
  atomicExch(tickets + i, i + 1);
  atomicAdd_system(sum, 2ull);
}

__global__ void index_kernel(int* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned i = block * (blockDim.x * blockDim.y * blockDim.z) + thread;
  out[i] = int(i);
}
