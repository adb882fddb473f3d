#pragma once
#include <limits>
#include "mica/core/math.h"
#include "mica/cuda/number.h"
// Rows of numbers that a team of threads holds in registers, so that memory is read once: blockDim.x threads take a row, a part of a warp (then a
// block takes blockDim.y rows) or a whole block.
namespace mica {

struct Team {
  unsigned threads, rows;  // blockDim.x and .y; whole warps together
  int packs;               // times 16 bytes that each thread holds: 1, 2 or 4; 0: the row is too long, and is read more than once
  dim3 block() const { return dim3(threads, rows); }
};
template <class T> Team team_of(int64_t n, int most_packs = 4) {
  constexpr int64_t width = per_16_bytes<T>;
  constexpr unsigned most = 512;
  const int64_t warp = 32 * width * most_packs;
  if (n > most / 32 * warp) return {most, 1, 0};
  if (n > warp) return {unsigned((n + warp - 1) / warp) * 32, 1, most_packs};
  unsigned threads = 1;
  while (threads < 32 && threads * width < n) threads *= 2;
  return {threads, 128 / threads, n <= width * threads ? 1 : n <= 2 * width * threads ? 2 : 4};
}
// Calls f with packs (not 0) as a constant.
template <class F> void with_packs(int packs, F&& f) {
  if (packs == 1) f(std::integral_constant<int, 1>());
  else if (packs == 2) f(std::integral_constant<int, 2>());
  else f(std::integral_constant<int, 4>());
}
// Whether rows of n may be moved 16 bytes at a time.
template <class T, class... P> bool row_vectors(int64_t n, const P*... p) { return n % per_16_bytes<T> == 0 && (aligned_16(p) && ...); }

// What a team's threads have gathered, in all of them. `merge` is symmetric. `parts`: shared memory, an A for each of up to 32 warps.
template <class A, class F> __device__ __forceinline__ A fold_team(A mine, F merge, A* parts) {
  for (unsigned step = 1; step < 32 && step < blockDim.x; step *= 2) mine = merge(mine, __shfl_xor_sync(~0u, mine, int(step)));
  if (blockDim.x <= 32) return mine;
  __syncthreads();  // what was in parts has been read
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = mine;
  __syncthreads();
  A all = parts[0];
  for (unsigned w = 1; w < blockDim.x / 32; ++w) all = merge(all, parts[w]);
  return all;
}
template <class A> __device__ __forceinline__ A sum_of_team(A mine, A* parts) { return fold_team(mine, [](A a, A b) { return a + b; }, parts); }
template <class A> __device__ __forceinline__ A largest_of_team(A mine, A* parts) { return fold_team(mine, [](A a, A b) { return b > a ? b : a; }, parts); }

// Where item j of this thread lies in a row: `width` neighbours at a time, or (one by one) neighbours belong to neighbouring threads.
template <int width> __device__ __forceinline__ int64_t item_at(int j, bool vectors) {
  return vectors ? int64_t(unsigned(j / width) * blockDim.x + threadIdx.x) * width + j % width : int64_t(unsigned(j) * blockDim.x + threadIdx.x);
}
// A thread's items of a row of n, in memory of any float type; `beyond` after its end.
template <int width, int items, class T, class C> __device__ __forceinline__ void load_items(C (&v)[items], const T* row, int64_t n, bool vectors, C beyond) {
  constexpr int at_once = width < per_16_bytes<T> ? width : per_16_bytes<T>;
  if (vectors) {
#pragma unroll
    for (int k = 0; k < items; k += at_once) {
      const int64_t i = item_at<width>(k, true);
      if (i < n) {
        const auto pack = *reinterpret_cast<const Pack<T, at_once>*>(row + i);
#pragma unroll
        for (int j = 0; j < at_once; ++j) v[k + j] = C(wide(pack.v[j]));
      } else {
#pragma unroll
        for (int j = 0; j < at_once; ++j) v[k + j] = beyond;
      }
    }
  } else {
#pragma unroll
    for (int j = 0; j < items; ++j) v[j] = item_at<width>(j, false) < n ? C(wide(row[item_at<width>(j, false)])) : beyond;
  }
}

// A thread's share of a row of n.
template <class T, int packs> struct Held {
  static constexpr int width = per_16_bytes<T>, items = packs * width;
  using C = Compute<T>;
  C v[items];

  __device__ static __forceinline__ int64_t at(int j, bool vectors) { return item_at<width>(j, vectors); }
  __device__ __forceinline__ void load(const T* row, int64_t n, bool vectors, C beyond) { load_items<width>(v, row, n, vectors, beyond); }
  __device__ __forceinline__ void store(T* row, int64_t n, bool vectors) const {
    if (vectors) {
#pragma unroll
      for (int p = 0; p < packs; ++p) {
        const int64_t i = at(p * width, true);
        if (i >= n) continue;
        Pack<T, width> pack;
#pragma unroll
        for (int j = 0; j < width; ++j) pack.v[j] = narrow<T>(v[p * width + j]);
        *reinterpret_cast<Pack<T, width>*>(row + i) = pack;
      }
    } else {
#pragma unroll
      for (int j = 0; j < items; ++j) if (at(j, false) < n) row[at(j, false)] = narrow<T>(v[j]);
    }
  }
};

// The sum of exp(v - largest) of values that come one after another (Milakov and Gimelshein 2018).
template <class C> struct ExpSum {
  C largest, sum;
  __device__ static __forceinline__ ExpSum start() { return {-std::numeric_limits<C>::infinity(), C(0)}; }
  // exp(v - largest), 0 where all so far are -inf.
  __device__ static __forceinline__ C part(C v, C largest) { return math::exp(v - (largest == -std::numeric_limits<C>::infinity() ? C(0) : largest)); }
  __device__ __forceinline__ void add(C v) {
    if (v > largest) { sum = sum * part(largest, v) + C(1); largest = v; if (v == std::numeric_limits<C>::infinity()) sum = v - v; }
    else sum += part(v, largest);
  }
  __device__ __forceinline__ void merge(const ExpSum& o) {
    const C most = o.largest > largest ? o.largest : largest;
    sum = sum * part(largest, most) + o.sum * part(o.largest, most);
    largest = most;
  }
  __device__ __forceinline__ void fold(C* parts) {  // over the team
    const C most = largest_of_team(largest, parts);
    sum = sum_of_team(sum * part(largest, most), parts);
    largest = most;
  }
};

}  // namespace mica
