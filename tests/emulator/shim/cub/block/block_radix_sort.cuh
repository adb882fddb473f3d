#pragma once
#include <cub/block/block_scan.cuh>
#include <cub/detail/radix.h>
// <cub/block/block_radix_sort.cuh>
namespace cub {

// Sorts n keys of each thread, with values or without; thread 0 holds the first n before and after. The storage must not be used again before a
// barrier.
template <class Key, int x, int n, class Value = NullType, int radix_bits = 4, bool memoize = true, BlockScanAlgorithm inner = BLOCK_SCAN_WARP_SCANS,
          cudaSharedMemConfig config = cudaSharedMemBankSizeFourByte, int y = 1, int z = 1>
class BlockRadixSort {
  static constexpr int threads = x * y * z, bits = int(sizeof(Key)) * 8;
  using Place = detail::Place;

 public:
  struct TempStorage {
    Key keys[threads * n];
    Value values[threads * n];
  };
  explicit BlockRadixSort(TempStorage& storage) : storage_(storage) {}

  __forceinline__ void Sort(Key (&keys)[n], int first = 0, int last = bits, Place where = Place::current()) { sort(keys, nullptr, first, last, false, where); }
  __forceinline__ void Sort(Key (&keys)[n], Value (&values)[n], int first = 0, int last = bits, Place where = Place::current()) {
    sort(keys, values, first, last, false, where);
  }
  __forceinline__ void SortDescending(Key (&keys)[n], int first = 0, int last = bits, Place where = Place::current()) { sort(keys, nullptr, first, last, true, where); }
  __forceinline__ void SortDescending(Key (&keys)[n], Value (&values)[n], int first = 0, int last = bits, Place where = Place::current()) {
    sort(keys, values, first, last, true, where);
  }

 private:
  __forceinline__ void sort(Key* keys, Value* values, int first, int last, bool descending, const Place& where) {
    mica::emulator::expect_threads(threads, "cub::BlockRadixSort", where);
    const int rank = int(mica::emulator::thread_rank()), begin = rank * n;
    for (int i = 0; i < n; ++i) {
      storage_.keys[begin + i] = keys[i];
      if (values) storage_.values[begin + i] = values[i];
    }
    mica::emulator::barrier("cub::BlockRadixSort", where);
    if (rank == 0) {
      const std::vector<Key> old_keys(storage_.keys, storage_.keys + threads * n);
      const std::vector<Value> old_values(values ? storage_.values : nullptr, values ? storage_.values + threads * n : nullptr);
      const auto places = detail::sorted_places(old_keys.data(), old_keys.size(), first, last, descending);
      for (size_t i = 0; i < places.size(); ++i) {
        storage_.keys[i] = old_keys[places[i]];
        if (values) storage_.values[i] = old_values[places[i]];
      }
    }
    mica::emulator::barrier("cub::BlockRadixSort", where);
    for (int i = 0; i < n; ++i) {
      keys[i] = storage_.keys[begin + i];
      if (values) values[i] = storage_.values[begin + i];
    }
  }
  TempStorage& storage_;
};

}  // namespace cub
