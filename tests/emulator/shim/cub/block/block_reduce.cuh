#pragma once
#include <cub/warp/warp_reduce.cuh>
// <cub/block/block_reduce.cuh>
namespace cub {
enum BlockReduceAlgorithm { BLOCK_REDUCE_RAKING_COMMUTATIVE_ONLY, BLOCK_REDUCE_RAKING, BLOCK_REDUCE_WARP_REDUCTIONS };

// Reduces the values of a block's first `valid` threads. The result is valid in thread 0; others must not use the storage again before a barrier.
template <class T, int x, BlockReduceAlgorithm algorithm = BLOCK_REDUCE_WARP_REDUCTIONS, int y = 1, int z = 1> class BlockReduce {
  static constexpr int threads = x * y * z, warps = (threads + 31) / 32;
  using Place = detail::Place;
  using Warp = WarpReduce<T>;

 public:
  struct TempStorage { T parts[warps]; };
  explicit BlockReduce(TempStorage& storage) : storage_(storage) {}
  template <class F> __forceinline__ T Reduce(T value, F f, int valid, Place where = Place::current()) {
    mica::emulator::expect_threads(threads, "cub::BlockReduce", where);
    const int rank = int(mica::emulator::thread_rank()), warp = rank / 32, n = valid < threads ? valid : threads;
    typename Warp::TempStorage none;
    value = Warp(none).Reduce(value, f, n - warp * 32, where);
    if (rank % 32 == 0) storage_.parts[warp] = value;
    mica::emulator::barrier("cub::BlockReduce", where);
    for (int i = 1; rank == 0 && i * 32 < n; ++i) value = f(value, storage_.parts[i]);
    return value;
  }
  template <class F> __forceinline__ T Reduce(T value, F f, Place where = Place::current()) { return Reduce(value, f, threads, where); }
  template <int n, class F> __forceinline__ T Reduce(T (&values)[n], F f, Place where = Place::current()) {
    T mine = values[0];
    for (int i = 1; i < n; ++i) mine = f(mine, values[i]);
    return Reduce(mine, f, threads, where);
  }
  __forceinline__ T Sum(T value, int valid, Place where = Place::current()) { return Reduce(value, ::cuda::std::plus<>(), valid, where); }
  __forceinline__ T Sum(T value, Place where = Place::current()) { return Reduce(value, ::cuda::std::plus<>(), threads, where); }
  template <int n> __forceinline__ T Sum(T (&values)[n], Place where = Place::current()) { return Reduce(values, ::cuda::std::plus<>(), where); }

 private:
  TempStorage& storage_;
};

}  // namespace cub
