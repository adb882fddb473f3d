#pragma once
#include <cub/detail/types.h>
#include "mica/tests/emulator/block_size.h"
#include "mica/tests/emulator/warp.h"
// <cub/warp/warp_reduce.cuh>
namespace cub {
namespace detail {
using mica::emulator::Place;

// A shuffle of a value of any size, in parts of 8 bytes.
template <class T> T shuffle(unsigned lanes, const T& value, int source, const char* name, const Place& where) {
  static_assert(std::is_trivially_copyable_v<T>);
  uint64_t words[(sizeof(T) + 7) / 8] = {};
  __builtin_memcpy(words, static_cast<const void*>(&value), sizeof(T));
  for (auto& word : words) word = mica::emulator::shuffle(lanes, word, source, name, where);
  T result = value;
  __builtin_memcpy(static_cast<void*>(&result), words, sizeof(T));
  return result;
}
}  // namespace detail

// Reduces groups of `threads` lanes; `valid` counts lanes from the first of the group. The result is valid in that one.
template <class T, int threads = 32> class WarpReduce {
  static_assert(threads >= 1 && threads <= 32);

 public:
  struct TempStorage { unsigned char unused; };
  explicit WarpReduce(TempStorage&) {}
  template <class F> T Reduce(T value, F f, int valid, detail::Place where = detail::Place::current()) {
    const int all = mica::emulator::lane(), lane = all % threads, first = all - lane;
    const unsigned lanes = (threads == 32 ? ~0u : ((1u << threads % 32) - 1) << first) & mica::emulator::existing_lanes();
    for (int step = 1; step < threads; step *= 2) {
      const bool take = lane + step < valid && lane % (2 * step) == 0;
      const T other = detail::shuffle(lanes, value, take ? all + step : all, "cub::WarpReduce", where);
      if (take) value = f(value, other);
    }
    return value;
  }
  template <class F> T Reduce(T value, F f, detail::Place where = detail::Place::current()) { return Reduce(value, f, threads, where); }
  T Sum(T value, int valid, detail::Place where = detail::Place::current()) { return Reduce(value, ::cuda::std::plus<>(), valid, where); }
  T Sum(T value, detail::Place where = detail::Place::current()) { return Reduce(value, ::cuda::std::plus<>(), threads, where); }
};

}  // namespace cub
