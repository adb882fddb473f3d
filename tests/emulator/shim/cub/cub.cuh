#pragma once
#include <algorithm>
#include <iterator>
#include <numeric>
#include <vector>
#include "mica/tests/emulator/launch.h"
#include "mica/tests/emulator/warp.h"
// <cub/cub.cuh>: the parts mica uses, in plain loops. CUB's own headers hold machine code of the GPU. The contract is CUB's: where a result is
// valid, what needs a barrier before temporary storage is used again, the two calls of a device-wide function.
namespace cub {
using mica::emulator::Place;

struct Sum { template <class T> __device__ T operator()(T a, T b) const { return a + b; } };
struct Max { template <class T> __device__ T operator()(T a, T b) const { return a < b ? b : a; } };
struct Min { template <class T> __device__ T operator()(T a, T b) const { return b < a ? b : a; } };

// The result is valid in the first lane of each group.
template <class T, int threads = 32> class WarpReduce {
 public:
  struct TempStorage {};
  explicit WarpReduce(TempStorage&) {}
  template <class F> T Reduce(T value, F f, Place where = Place::current()) {
    const int lane = mica::emulator::lane() % threads;
    const unsigned lanes = threads == 32 ? ~0u : ((1u << threads % 32) - 1) << (mica::emulator::lane() - lane);
    for (int step = threads / 2; step; step /= 2) {
      const T other = mica::emulator::shuffle(lanes, value, mica::emulator::lane() + (lane + step < threads ? step : 0), "WarpReduce", where);
      if (lane + step < threads) value = f(value, other);
    }
    return value;
  }
  T Sum(T value, Place where = Place::current()) { return Reduce(value, cub::Sum(), where); }
};

enum BlockReduceAlgorithm { BLOCK_REDUCE_RAKING_COMMUTATIVE_ONLY, BLOCK_REDUCE_RAKING, BLOCK_REDUCE_WARP_REDUCTIONS };

// The result is valid in thread 0.
template <class T, int x, BlockReduceAlgorithm algorithm = BLOCK_REDUCE_WARP_REDUCTIONS, int y = 1, int z = 1> class BlockReduce {
 public:
  struct TempStorage { T values[x * y * z]; };
  explicit BlockReduce(TempStorage& storage) : storage_(storage) {}
  template <class F> __forceinline__ T Reduce(T value, F f, Place where = Place::current()) {
    const unsigned rank = mica::emulator::thread_rank();
    storage_.values[rank] = value;
    mica::emulator::barrier("BlockReduce", where);
    for (int i = 1; rank == 0 && i < x * y * z; ++i) value = f(value, storage_.values[i]);
    return value;
  }
  __forceinline__ T Sum(T value, Place where = Place::current()) { return Reduce(value, cub::Sum(), where); }

 private:
  TempStorage& storage_;
};

template <class T, int x> class BlockScan {
 public:
  struct TempStorage { T values[x]; };
  explicit BlockScan(TempStorage& storage) : storage_(storage) {}
  __forceinline__ void InclusiveSum(T value, T& result, Place where = Place::current()) { result = before(value, where) + value; }
  __forceinline__ void ExclusiveSum(T value, T& result, Place where = Place::current()) { result = before(value, where); }
  __forceinline__ void ExclusiveSum(T value, T& result, T& total, Place where = Place::current()) {
    result = before(value, where);
    total = T();
    for (const T& each : storage_.values) total = total + each;
  }

 private:
  __forceinline__ T before(T value, const Place& where) {
    const unsigned rank = mica::emulator::thread_rank();
    storage_.values[rank] = value;
    mica::emulator::barrier("BlockScan", where);
    T sum = T();
    for (unsigned i = 0; i < rank; ++i) sum = sum + storage_.values[i];
    return sum;
  }
  TempStorage& storage_;
};

// The first call, without storage, says how many bytes; the second queues the work, and uses the storage as its results.
namespace detail {
template <class F> cudaError_t device_wide(void* storage, size_t& bytes, cudaStream_t stream, const Place& where, F f) {
  constexpr size_t needed = 256;
  if (!storage) {
    bytes = needed;
    return cudaSuccess;
  }
  if (bytes < needed) return cudaErrorInvalidValue;
  return mica::emulator::launch(nullptr, dim3(1), dim3(1), 0, stream, [=] {
    std::fill_n(static_cast<volatile char*>(storage), needed, char(0xff));
    f();
  }, where);
}
}  // namespace detail

struct DeviceReduce {
  template <class In, class Out, class Count, class F, class T>
  static cudaError_t Reduce(void* storage, size_t& bytes, In in, Out out, Count n, F f, T initial, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return detail::device_wide(storage, bytes, stream, where, [=] {
      T result = initial;
      for (Count i = 0; i < n; ++i) result = f(result, in[i]);
      *out = result;
    });
  }
  template <class In, class Out, class Count>
  static cudaError_t Sum(void* storage, size_t& bytes, In in, Out out, Count n, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return Reduce(storage, bytes, in, out, n, cub::Sum(), typename std::iterator_traits<In>::value_type(), stream, where);
  }
};

struct DeviceScan {
  template <class In, class Out, class Count>
  static cudaError_t ExclusiveSum(void* storage, size_t& bytes, In in, Out out, Count n, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return detail::device_wide(storage, bytes, stream, where, [=] {
      typename std::iterator_traits<In>::value_type sum{};
      for (Count i = 0; i < n; ++i) {
        const auto value = in[i];  // in may be out
        out[i] = sum;
        sum = sum + value;
      }
    });
  }
  template <class In, class Out, class Count>
  static cudaError_t InclusiveSum(void* storage, size_t& bytes, In in, Out out, Count n, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return detail::device_wide(storage, bytes, stream, where, [=] {
      typename std::iterator_traits<In>::value_type sum{};
      for (Count i = 0; i < n; ++i) out[i] = sum = sum + in[i];
    });
  }
};

struct DeviceRadixSort {
  template <class Key, class Value, class Count>
  static cudaError_t SortPairs(void* storage, size_t& bytes, const Key* keys, Key* sorted_keys, const Value* values, Value* sorted_values, Count n, int first_bit = 0,
                               int last_bit = sizeof(Key) * 8, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return detail::device_wide(storage, bytes, stream, where, [=] { sort(keys, sorted_keys, values, sorted_values, n, first_bit, last_bit, false); });
  }
  template <class Key, class Value, class Count>
  static cudaError_t SortPairsDescending(void* storage, size_t& bytes, const Key* keys, Key* sorted_keys, const Value* values, Value* sorted_values, Count n,
                                         int first_bit = 0, int last_bit = sizeof(Key) * 8, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return detail::device_wide(storage, bytes, stream, where, [=] { sort(keys, sorted_keys, values, sorted_values, n, first_bit, last_bit, true); });
  }

 private:
  template <class Key, class Value, class Count>
  static void sort(const Key* keys, Key* sorted_keys, const Value* values, Value* sorted_values, Count n, int first_bit, int last_bit, bool descending) {
    const auto part = [=](Key key) {  // integers by the bits asked for, other keys whole
      if constexpr (std::is_unsigned_v<Key>) return Key(Key(key << (int(sizeof(Key)) * 8 - last_bit)) >> (int(sizeof(Key)) * 8 - last_bit + first_bit));
      else return key;
    };
    std::vector<Count> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), Count(0));
    std::stable_sort(order.begin(), order.end(), [&](Count a, Count b) { return descending ? part(keys[b]) < part(keys[a]) : part(keys[a]) < part(keys[b]); });
    for (Count i = 0; i < n; ++i) {
      sorted_keys[i] = keys[order[size_t(i)]];
      sorted_values[i] = values[order[size_t(i)]];
    }
  }
};

}  // namespace cub
