#pragma once
#include "mica/core/kernel_shapes_internal.h"
#include "mica/core/kernels.h"
#include "mica/cuda/strided.h"
// Reductions over any set of dimensions, of any strides. Deterministic: the order depends on shape and strides only.
namespace mica {
namespace fold_detail {
constexpr int most_parts = 512;

template <class A> __device__ __forceinline__ A shuffle_down(A value, int step) {
  static_assert(sizeof(A) % 4 == 0);
  uint32_t word[sizeof(A) / 4];
  memcpy(word, &value, sizeof(A));
  for (uint32_t& w : word) w = __shfl_down_sync(~0u, w, unsigned(step));
  memcpy(&value, word, sizeof(A));
  return value;
}

// What the blockDim.x threads of a row have gathered, in the first of them: warps first, then the first warp. A row is a part of a warp (a power of
// two), or a whole block of warps. `parts` is shared memory for one A of each warp.
template <class R, class A> __device__ __forceinline__ A fold_threads(const R& r, A mine, A* parts) {
  for (int step = int(min(blockDim.x, 32u)) / 2; step; step /= 2) r.merge(mine, shuffle_down(mine, step));
  if (blockDim.x <= 32) return mine;
  const int lane = int(threadIdx.x) % 32, warps = int(blockDim.x) / 32;
  if (lane == 0) parts[threadIdx.x / 32] = mine;
  __syncthreads();
  mine = lane < warps ? parts[lane] : r.start();
  for (int step = 16; step; step /= 2) r.merge(mine, shuffle_down(mine, step));
  return mine;
}

// A row of threads takes one of `parts` parts of a result's terms, in turn: `width` neighbours, of 16 bytes, at a time where terms lie side by side.
// sizeof(X) bytes per term, 1 operation per term. Deterministic.
template <class X, class R, int width> __global__ void fold_rows_kernel(R r, Places<2> results, Places<1> terms, int parts, const X* x, void* y, DType y_dtype, typename R::Acc* partial) {
  using Acc = typename R::Acc;
  MICA_SHARED(Acc, shared, [32]);
  const int64_t job = int64_t(blockIdx.x) * blockDim.y + threadIdx.y;
  const int part = int(job % parts);
  const bool has_terms = job < results.count * parts;
  int64_t at[2] = {};
  Acc mine = r.start();
  if (has_terms) {
    results(job / parts, at);
    const X* const row = x + at[0];
    const int64_t packs = terms.count / width, end = packs * (part + 1) / parts;
#pragma unroll 4
    for (int64_t k = packs * part / parts + threadIdx.x; k < end; k += blockDim.x) {
      if constexpr (width > 1) {
        const auto pack = *reinterpret_cast<const Pack<X, width>*>(row + k * width);
#pragma unroll
        for (int j = 0; j < width; ++j) r.add(mine, wide(pack.v[j]), k * width + j);
      } else {
        int64_t offset;
        if (terms.rank == 1) offset = k * terms.stride[0][0]; else terms(k, &offset);
        r.add(mine, wide(row[offset]), k);
      }
    }
    if (part == parts - 1)  // what is less than 16 bytes
      for (int64_t k = packs * width + threadIdx.x; k < terms.count; k += blockDim.x) r.add(mine, wide(row[k]), k);
  }
  mine = fold_threads(r, mine, &shared[0]);
  if (threadIdx.x != 0 || !has_terms) return;
  if (parts > 1) partial[job] = mine;
  else store(y, y_dtype, at[1], r.finish(mine));
}

// Neighbours in x belong to neighbouring results: 32 of them a block, 8 rows of terms at a time. sizeof(X) bytes per term,
// 1 operation per term. Deterministic.
template <class X, class R> __global__ void fold_columns_kernel(R r, Places<2> results, Places<1> terms, const X* x, void* y, DType y_dtype, typename R::Acc* partial) {
  using Acc = typename R::Acc;
  MICA_SHARED(Acc, shared, [8][33]);
  const int64_t result = int64_t(blockIdx.x) * 32 + threadIdx.x;
  const int parts = int(gridDim.y), part = int(blockIdx.y);
  const int64_t begin = terms.count * part / parts, end = terms.count * (part + 1) / parts;
  int64_t at[2] = {};
  Acc mine = r.start();
  if (result < results.count) {
    results(result, at);
#pragma unroll 4
    for (int64_t k = begin + threadIdx.y; k < end; k += blockDim.y) {
      int64_t offset;
      if (terms.rank == 1) offset = k * terms.stride[0][0]; else terms(k, &offset);
      r.add(mine, wide(x[at[0] + offset]), k);
    }
  }
  shared[threadIdx.y][threadIdx.x] = mine;
  __syncthreads();
  if (threadIdx.y != 0 || result >= results.count) return;
  for (int row = 1; row < 8; ++row) r.merge(mine, shared[row][threadIdx.x]);
  if (parts > 1) partial[result * parts + part] = mine;
  else store(y, y_dtype, at[1], r.finish(mine));
}

// A warp merges the parts of one result. parts sizeof(Acc) bytes per result, parts operations per result. Deterministic.
template <class R> __global__ void fold_parts_kernel(R r, Places<2> results, int parts, const typename R::Acc* partial, void* y, DType y_dtype) {
  const int64_t result = int64_t(blockIdx.x) * blockDim.y + threadIdx.y;
  if (result >= results.count) return;
  typename R::Acc total = r.start();
  for (int p = int(threadIdx.x); p < parts; p += 32) r.merge(total, partial[result * parts + p]);
  for (int step = 16; step; step /= 2) r.merge(total, shuffle_down(total, step));
  if (threadIdx.x != 0) return;
  int64_t at[2];
  results(result, at);
  store(y, y_dtype, at[1], r.finish(total));
}
}  // namespace fold_detail

// Device memory for the length of a scope, in the order of on.stream.
class Scratch {
 public:
  Scratch(const Cuda& on, size_t bytes) : on_(on), bytes_(bytes), data_(acquire(on, bytes)) {}
  ~Scratch() { release(on_, data_, bytes_); }
  Scratch(const Scratch&) = delete;
  template <class T> T* as() const { return static_cast<T*>(data_); }

 private:
  Cuda on_;
  size_t bytes_;
  void* data_;
};

// y = x folded over the dimensions where y has size 1. A reducer R has Acc (a multiple of 4 bytes), and on the device
//   Acc start(), void add(Acc&, Compute<X> value, int64_t index), void merge(Acc&, const Acc& other), and a number finish(const Acc&)
// whose results do not depend on the order but for rounding. The index counts the folded elements in the order of x's memory.
template <class X, class R> void fold(const Cuda& on, const R& r, const Tensor& x, const Tensor& y) {
  using namespace fold_detail;
  const auto [kx, ky, fx] = folding_of(x, y);
  const Dims d_results = dims_of(kx, ky), d_terms = dims_of(fx);
  const Places<2> results(d_results);
  const Places<1> terms(d_terms);
  if (results.count == 0) return;
  const int last = d_results.rank - 1;
  const bool columns = last >= 0 && d_results.stride[0][last] == 1 && terms.rank > 0 && d_terms.stride[0][d_terms.rank - 1] != 1;
  // Enough blocks for a large GPU, each with work for its threads.
  const int64_t blocks = columns ? (results.count + 31) / 32 : results.count, least = columns ? 64 : 2048;
  int parts = 1;
  while (parts < most_parts && blocks * parts < 512 && terms.count / (2 * parts) >= least) parts *= 2;
  const Scratch partial(on, parts > 1 ? size_t(results.count * parts) * sizeof(typename R::Acc) : 0);
  auto* const partials = partial.as<typename R::Acc>();
  const X* const from = output<X>(kx);
  if (columns) {
    launch(on, {dim3(unsigned(blocks), unsigned(parts)), dim3(32, 8)}, fold_columns_kernel<X, R>, r, results, terms, from, address(ky), y.dtype(), partials);
  } else {
    constexpr int width = per_16_bytes<X>;
    bool vectors = terms.rank == 1 && terms.stride[0][0] == 1 && terms.count >= width && aligned_16(from);
    for (int i = 0; i < results.rank; ++i) vectors = vectors && results.stride[0][i] % width == 0;
    const int64_t loads = terms.count / parts / (vectors ? width : 1);
    unsigned threads = loads >= 512 ? 256 : loads >= 256 ? 128 : 32;
    while (threads <= 32 && threads / 2 >= loads && threads > 1) threads /= 2;
    const unsigned rows = threads <= 32 ? 256 / threads : 1;
    launch(on, {blocks_for(results.count * parts, rows), dim3(threads, rows)}, vectors ? fold_rows_kernel<X, R, width> : fold_rows_kernel<X, R, 1>, r, results, terms, parts, from,
           address(ky), y.dtype(), partials);
  }
  if (parts > 1) launch(on, {blocks_for(results.count, 8), dim3(32, 8)}, fold_parts_kernel<R>, r, results, parts, partials, address(ky), y.dtype());
}

}  // namespace mica
