#include "mica/tests/emulator/cub.h"
#include <cub/block/block_radix_sort.cuh>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_scan.cuh>
#include <cub/warp/warp_reduce.cuh>
#include <cuda/functional>
#include <cuda/std/functional>

__global__ void block_reduce_kernel(int n, const float* x, float* sum, float* largest, float* sum_of_valid) {
  using Reduce = cub::BlockReduce<float, 96>;
  MICA_SHARED(Reduce::TempStorage, storage);
  const int t = int(threadIdx.x);
  const float mine = t < n ? x[t] : 1000.0f;
  const float a = Reduce(storage).Sum(t < n ? mine : 0.0f);
  __syncthreads();
  const float b = Reduce(storage).Reduce(mine, cuda::maximum<>(), n);
  __syncthreads();
  const float c = Reduce(storage).Sum(mine, n);
  if (t == 0) *sum = a, *largest = b, *sum_of_valid = c;
}

__global__ void block_reduce_items_kernel(const float* x, double* sum) {
  using Reduce = cub::BlockReduce<double, 8, cub::BLOCK_REDUCE_WARP_REDUCTIONS, 5, 2>;
  MICA_SHARED(Reduce::TempStorage, storage);
  const unsigned t = threadIdx.x + 8 * (threadIdx.y + 5 * threadIdx.z);
  double items[3];
  for (unsigned i = 0; i < 3; ++i) items[i] = double(x[t * 3 + i]);
  const double total = Reduce(storage).Sum(items);
  if (t == 0) *sum = total;
}

namespace {
// Chan, Golub and LeVeque (1983): moments of two sets together.
struct Merge {
  __device__ Moments operator()(const Moments& a, const Moments& b) const {
    const float count = a.count + b.count, distance = b.mean - a.mean;
    return {a.mean + distance * b.count / count, a.squares + b.squares + distance * distance * a.count * b.count / count, count};
  }
};
}  // namespace

__global__ void block_moments_kernel(const float* x, Moments* result) {
  using Reduce = cub::BlockReduce<Moments, 80>;
  MICA_SHARED(Reduce::TempStorage, storage);
  const Moments all = Reduce(storage).Reduce(Moments{x[threadIdx.x], 0.0f, 1.0f}, Merge());
  if (threadIdx.x == 0) *result = all;
}

__global__ void warp_reduce_kernel(int n, const int* x, int* sums, int* largest, int* sums_of_valid) {
  using Reduce = cub::WarpReduce<int, 8>;
  MICA_SHARED(Reduce::TempStorage, storage, [8]);
  const int group = int(threadIdx.x / 8), mine = x[threadIdx.x];
  const int a = Reduce(storage[group]).Sum(mine);
  const int b = Reduce(storage[group]).Reduce(mine, cuda::maximum<>());
  const int c = Reduce(storage[group]).Sum(mine, n);
  if (threadIdx.x % 8 == 0) sums[group] = a, largest[group] = b, sums_of_valid[group] = c;
}

__global__ void block_scan_kernel(const int* x, int* inclusive, int* exclusive, int* largest, int* totals) {
  using Scan = cub::BlockScan<int, 70>;
  MICA_SHARED(Scan::TempStorage, storage);
  const int t = int(threadIdx.x), mine = x[t];
  int total, total_before, largest_total;
  Scan(storage).InclusiveSum(mine, inclusive[t], total);
  __syncthreads();
  Scan(storage).ExclusiveSum(mine, exclusive[t], total_before);
  __syncthreads();
  Scan(storage).InclusiveScan(mine, largest[t], cuda::maximum<>(), largest_total);
  if (t == 69) totals[0] = total, totals[1] = total_before, totals[2] = largest_total;
}

__global__ void block_scan_items_kernel(const int* x, int* inclusive, int* exclusive, int* total) {
  using Scan = cub::BlockScan<int, 33>;
  MICA_SHARED(Scan::TempStorage, storage);
  const int begin = int(threadIdx.x) * 4;
  int items[4], results[4], all;
  for (int i = 0; i < 4; ++i) items[i] = x[begin + i];
  Scan(storage).ExclusiveScan(items, results, 100, cuda::std::plus<>(), all);
  for (int i = 0; i < 4; ++i) exclusive[begin + i] = results[i];
  __syncthreads();
  Scan(storage).InclusiveSum(items, items);
  for (int i = 0; i < 4; ++i) inclusive[begin + i] = items[i];
  if (threadIdx.x == 32) *total = all;
}

__global__ void block_sort_kernel(float* keys, int* values) {
  using Sort = cub::BlockRadixSort<float, 32, 3, int>;
  MICA_SHARED(Sort::TempStorage, storage);
  const int begin = int(threadIdx.x) * 3;
  float my_keys[3];
  int my_values[3];
  for (int i = 0; i < 3; ++i) my_keys[i] = keys[begin + i], my_values[i] = values[begin + i];
  Sort(storage).Sort(my_keys, my_values);
  for (int i = 0; i < 3; ++i) keys[begin + i] = my_keys[i], values[begin + i] = my_values[i];
}

__global__ void block_sort_descending_kernel(int* keys) {
  using Sort = cub::BlockRadixSort<int, 32, 3>;
  MICA_SHARED(Sort::TempStorage, storage);
  const int begin = int(threadIdx.x) * 3;
  int mine[3];
  for (int i = 0; i < 3; ++i) mine[i] = keys[begin + i];
  Sort(storage).SortDescending(mine);
  for (int i = 0; i < 3; ++i) keys[begin + i] = mine[i];
}

__global__ void storage_used_twice_kernel(const float* x, float* sums) {
  using Reduce = cub::BlockReduce<float, 64>;
  MICA_SHARED(Reduce::TempStorage, storage);
  const float once = Reduce(storage).Sum(x[threadIdx.x]);   // here: storage, first use
  const float twice = Reduce(storage).Sum(2 * x[threadIdx.x]);  // here: storage, second use
  if (threadIdx.x == 0) sums[0] = once, sums[1] = twice;
}

__global__ void wrong_block_size_kernel(const float* x, float* sum) {
  using Reduce = cub::BlockReduce<float, 64>;
  MICA_SHARED(Reduce::TempStorage, storage);
  const float total = Reduce(storage).Sum(x[threadIdx.x]);  // here: block size
  if (threadIdx.x == 0) *sum = total;
}
