#pragma once
#include "mica/tests/emulator/warp.h"
// <cooperative_groups.h>: the block, and tiles of at most a warp. Grids and clusters are not emulated.
namespace cooperative_groups {
using mica::emulator::Place;

template <class T> struct plus { T operator()(T a, T b) const { return a + b; } };
template <class T> struct greater { T operator()(T a, T b) const { return a < b ? b : a; } };
template <class T> struct less { T operator()(T a, T b) const { return b < a ? b : a; } };

struct thread_block {
  void sync(Place where = Place::current()) const { mica::emulator::barrier("thread_block::sync", where); }
  static unsigned thread_rank() { return mica::emulator::thread_rank(); }
  static unsigned size() { return blockDim.x * blockDim.y * blockDim.z; }
  static unsigned num_threads() { return size(); }
  static dim3 group_index() { return blockIdx; }
  static dim3 thread_index() { return threadIdx; }
};
inline thread_block this_thread_block() { return {}; }

template <unsigned N, class Parent = void> struct thread_block_tile {
  static_assert(N <= 32 && (N & (N - 1)) == 0, "a tile has 1, 2, 4, 8, 16 or 32 threads");
  static constexpr unsigned lanes = N == 32 ? ~0u : (1u << (N % 32)) - 1;
  static unsigned first() { return unsigned(mica::emulator::lane()) & ~(N - 1); }
  static unsigned mask() { return lanes << first(); }
  static unsigned thread_rank() { return unsigned(mica::emulator::lane()) & (N - 1); }
  static unsigned meta_group_rank() { return mica::emulator::thread_rank() / N; }
  static unsigned meta_group_size() { return (thread_block::size() + N - 1) / N; }
  static constexpr unsigned size() { return N; }
  static constexpr unsigned num_threads() { return N; }

  void sync(Place where = Place::current()) const { __syncwarp(mask(), where); }
  template <class T> T shfl(T value, int source, Place where = Place::current()) const { return __shfl_sync(mask(), value, source, N, where); }
  template <class T> T shfl_up(T value, unsigned delta, Place where = Place::current()) const { return __shfl_up_sync(mask(), value, delta, N, where); }
  template <class T> T shfl_down(T value, unsigned delta, Place where = Place::current()) const { return __shfl_down_sync(mask(), value, delta, N, where); }
  template <class T> T shfl_xor(T value, int bit, Place where = Place::current()) const { return __shfl_xor_sync(mask(), value, bit, N, where); }
  unsigned ballot(int predicate, Place where = Place::current()) const { return __ballot_sync(mask(), predicate, where) >> first() & lanes; }
  int any(int predicate, Place where = Place::current()) const { return __any_sync(mask(), predicate, where); }
  int all(int predicate, Place where = Place::current()) const { return __all_sync(mask(), predicate, where); }
};
template <unsigned N, class Group> thread_block_tile<N, Group> tiled_partition(const Group&) { return {}; }

template <class Group, class T, class F> T reduce(const Group& group, T value, F f, Place where = Place::current()) {
  for (int bit = int(Group::size() / 2); bit; bit /= 2) value = f(value, group.shfl_xor(value, bit, where));
  return value;
}
template <class Group> void sync(const Group& group, Place where = Place::current()) { group.sync(where); }

}  // namespace cooperative_groups
