#include "mica/core/ops/cumsum.h"
#include "mica/cuda/fold.h"
#include "mica/cuda/scatter.h"
#include <cub/block/block_scan.cuh>

namespace mica {
namespace {
constexpr int scan_threads = 256, per_thread = 4, tile = scan_threads * per_thread, most_parts = 128;
template <class X> using Total = std::conditional_t<std::is_floating_point_v<Compute<X>>, double, int64_t>;

// [outer, size, inner], summed along the middle one, from its end where `reverse`.
struct Lines {
  Indices<2> lines;  // outer, inner
  int64_t size;
  bool reverse;
  int parts;         // of a line, each a block's
  __device__ __forceinline__ int64_t begin(int part) const { return (size + parts - 1) / parts * part; }
  __device__ __forceinline__ int64_t end(int part) const { return min(size, begin(part + 1)); }
  __device__ __forceinline__ int64_t first(int64_t line) const {
    int64_t at[2];
    lines(line, at);
    return at[0] * size * lines.size[1] + at[1];
  }
  __device__ __forceinline__ int64_t offset(int64_t k) const { return (reverse ? size - 1 - k : k) * lines.size[1]; }
};

// One thread goes along one line; its neighbours' lines lie beside it. sizeof(X) + sizeof(Y) bytes per element, 1 operation per element.
// Deterministic.
template <class X, class Y> __global__ void cumsum_lines_kernel(Lines l, const X* x, Y* y) {
  const int64_t line = thread_number();
  if (line >= l.lines.count) return;
  const int64_t first = l.first(line);
  Total<X> total = 0;
  for (int64_t k = 0; k < l.size; ++k) y[first + l.offset(k)] = narrow<Y>(total += Total<X>(wide(x[first + l.offset(k)])));
}

// A block sums one part of a line: sizeof(X) bytes per element, 1 operation per element. Deterministic.
template <class X> __global__ void cumsum_parts_kernel(Lines l, const X* x, Total<X>* sums) {
  MICA_SHARED(Total<X>, shared, [scan_threads]);
  const int64_t first = l.first(blockIdx.x / unsigned(l.parts));
  const int part = int(blockIdx.x % unsigned(l.parts));
  Total<X> mine = 0;
  for (int64_t k = l.begin(part) + threadIdx.x; k < l.end(part); k += scan_threads) mine += Total<X>(wide(x[first + l.offset(k)]));
  shared[threadIdx.x] = mine;
  for (int step = scan_threads / 2; step; step /= 2) {
    __syncthreads();
    if (int(threadIdx.x) < step) shared[threadIdx.x] += shared[threadIdx.x + step];
  }
  if (threadIdx.x == 0) sums[blockIdx.x] = shared[0];
}
// A block scans one part of a line, tile by tile, on top of the parts before it; a thread has four neighbours of a tile.
// sizeof(X) + sizeof(Y) bytes per element, 3 operations per element. Deterministic.
template <class X, class Y> __global__ void cumsum_scan_kernel(Lines l, const X* x, const Total<X>* sums, Y* y) {
  using Scan = cub::BlockScan<Total<X>, scan_threads>;
  MICA_SHARED(typename Scan::TempStorage, storage, [1]);
  const int64_t first = l.first(blockIdx.x / unsigned(l.parts));
  const int part = int(blockIdx.x % unsigned(l.parts));
  Total<X> before = 0;
  for (int p = 0; p < part; ++p) before += sums[blockIdx.x - unsigned(part) + unsigned(p)];
  for (int64_t begin = l.begin(part); begin < l.end(part); begin += tile) {
    Total<X> v[per_thread], total;
#pragma unroll
    for (int j = 0; j < per_thread; ++j) {
      const int64_t k = begin + threadIdx.x * per_thread + j;
      v[j] = k < l.end(part) ? Total<X>(wide(x[first + l.offset(k)])) : 0;
    }
    Scan(storage[0]).InclusiveSum(v, v, total);
#pragma unroll
    for (int j = 0; j < per_thread; ++j) {
      const int64_t k = begin + threadIdx.x * per_thread + j;
      if (k < l.end(part)) y[first + l.offset(k)] = narrow<Y>(before + v[j]);
    }
    before += total;
    __syncthreads();  // the storage is used again
  }
}

template <class X, class Y> void run(const Cuda& on, const Tensor& x, const Tensor& y, int dim, bool reverse) {
  const Around a(x.shape(), dim);
  Lines l{Indices<2>(a.outer, a.inner), a.size, reverse, 1};
  if (a.inner >= 32 || a.size <= 32)
    return launch(on, {blocks_for(l.lines.count), block_threads}, cumsum_lines_kernel<X, Y>, l, output<X>(x), output<Y>(y));
  while (l.parts < most_parts && l.lines.count * l.parts < 256 && a.size / (2 * l.parts) >= 2 * tile) l.parts *= 2;
  const int64_t blocks = l.lines.count * l.parts;
  const Scratch sums(on, l.parts > 1 ? size_t(blocks) * sizeof(Total<X>) : 0);
  if (l.parts > 1) launch(on, {dim3(unsigned(blocks)), scan_threads}, cumsum_parts_kernel<X>, l, output<X>(x), sums.as<Total<X>>());
  launch(on, {dim3(unsigned(blocks)), scan_threads}, cumsum_scan_kernel<X, Y>, l, output<X>(x), sums.as<Total<X>>(), output<Y>(y));
}
}  // namespace

void cumsum_kernel(const Cuda& on, const Tensor& x, const Tensor& y, int dim, bool reverse) {
  if (x.size() == 0) return;
  dispatch(x.dtype(), [&]<class X>(X) { run<X, std::conditional_t<std::is_floating_point_v<Compute<X>>, X, int64_t>>(on, x, y, dim, reverse); });
}

}  // namespace mica
