#pragma once
#include <cstdint>
#include <cub/detail/device.h>
#include <cub/detail/radix.h>
// <cub/device/device_segmented_sort.cuh>
namespace cub {

// Segment i is begins[i] to ends[i] - 1; items of no segment are not written. NaNs come where DeviceRadixSort has them; in CUB that depends on a
// segment's length.
struct DeviceSegmentedSort {
  using Place = detail::Place;
  template <class Key, class Value, class Begin, class End>
  static cudaError_t StableSortPairs(void* storage, size_t& bytes, const Key* keys, Key* sorted_keys, const Value* values, Value* sorted_values, int64_t n, int64_t segments,
                                     Begin begins, End ends, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return sort(storage, bytes, keys, sorted_keys, values, sorted_values, n, segments, begins, ends, false, stream, where);
  }
  template <class Key, class Value, class Begin, class End>
  static cudaError_t StableSortPairsDescending(void* storage, size_t& bytes, const Key* keys, Key* sorted_keys, const Value* values, Value* sorted_values, int64_t n,
                                               int64_t segments, Begin begins, End ends, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return sort(storage, bytes, keys, sorted_keys, values, sorted_values, n, segments, begins, ends, true, stream, where);
  }

 private:
  template <class Key, class Value, class Begin, class End>
  static cudaError_t sort(void* storage, size_t& bytes, const Key* keys, Key* sorted_keys, const Value* values, Value* sorted_values, int64_t n, int64_t segments,
                          Begin begins, End ends, bool descending, cudaStream_t stream, const Place& where) {
    if (storage) mica::emulator::expect_apart(keys, size_t(n) * sizeof(Key), sorted_keys, size_t(n) * sizeof(Key), where);
    if (storage) mica::emulator::expect_apart(values, size_t(n) * sizeof(Value), sorted_values, size_t(n) * sizeof(Value), where);
    return detail::device_wide(storage, bytes, detail::storage_bytes(n, sizeof(Key) + sizeof(Value)) + size_t(segments) * 4, stream, where, [=] {
      for (int64_t s = 0; s < segments; ++s) {
        const int64_t begin = begins[s], count = int64_t(ends[s]) - begin;
        if (count <= 0) continue;
        const auto places = detail::sorted_places(keys + begin, size_t(count), 0, int(sizeof(Key)) * 8, descending);
        for (int64_t i = 0; i < count; ++i) {
          const auto from = begin + int64_t(places[size_t(i)]);
          sorted_keys[begin + i] = keys[from];
          sorted_values[begin + i] = values[from];
        }
      }
    });
  }
};

}  // namespace cub
