#pragma once
#include <cub/detail/device.h>
#include <cub/detail/radix.h>
// <cub/device/device_radix_sort.cuh>
namespace cub {

// Keys are compared by bits [first, last); equal ones keep their order.
struct DeviceRadixSort {
  using Place = detail::Place;
  template <class Key, class Value, class Count>
  static cudaError_t SortPairs(void* storage, size_t& bytes, const Key* keys, Key* sorted_keys, const Value* values, Value* sorted_values, Count n, int first = 0,
                               int last = sizeof(Key) * 8, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return sort(storage, bytes, keys, sorted_keys, values, sorted_values, size_t(n), first, last, false, stream, where);
  }
  template <class Key, class Value, class Count>
  static cudaError_t SortPairsDescending(void* storage, size_t& bytes, const Key* keys, Key* sorted_keys, const Value* values, Value* sorted_values, Count n, int first = 0,
                                         int last = sizeof(Key) * 8, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return sort(storage, bytes, keys, sorted_keys, values, sorted_values, size_t(n), first, last, true, stream, where);
  }
  template <class Key, class Count>
  static cudaError_t SortKeys(void* storage, size_t& bytes, const Key* keys, Key* sorted_keys, Count n, int first = 0, int last = sizeof(Key) * 8, cudaStream_t stream = nullptr,
                              Place where = Place::current()) {
    return sort<Key, NullType>(storage, bytes, keys, sorted_keys, nullptr, nullptr, size_t(n), first, last, false, stream, where);
  }
  template <class Key, class Count>
  static cudaError_t SortKeysDescending(void* storage, size_t& bytes, const Key* keys, Key* sorted_keys, Count n, int first = 0, int last = sizeof(Key) * 8,
                                        cudaStream_t stream = nullptr, Place where = Place::current()) {
    return sort<Key, NullType>(storage, bytes, keys, sorted_keys, nullptr, nullptr, size_t(n), first, last, true, stream, where);
  }

 private:
  template <class Key, class Value>
  static cudaError_t sort(void* storage, size_t& bytes, const Key* keys, Key* sorted_keys, const Value* values, Value* sorted_values, size_t n, int first, int last,
                          bool descending, cudaStream_t stream, const Place& where) {
    if (storage) mica::emulator::expect_apart(keys, n * sizeof(Key), sorted_keys, n * sizeof(Key), where);
    if (storage && values) mica::emulator::expect_apart(values, n * sizeof(Value), sorted_values, n * sizeof(Value), where);
    return detail::device_wide(storage, bytes, detail::storage_bytes(n, sizeof(Key) + sizeof(Value)), stream, where, [=] {
      const auto places = detail::sorted_places(keys, n, first, last, descending);
      for (size_t i = 0; i < n; ++i) {
        sorted_keys[i] = keys[places[i]];
        if (values) sorted_values[i] = values[places[i]];
      }
    });
  }
};

}  // namespace cub
