#include "mica/cuda/radix.h"
#include "mica/cuda/fold.h"
#include <cub/device/device_radix_sort.cuh>

namespace mica {

template <class Key> void sort_pairs(const Cuda& on, const Key* keys, Key* sorted_keys, const uint32_t* values, uint32_t* sorted_values, int64_t n, int bits) {
  size_t bytes = 0;
  check(cub::DeviceRadixSort::SortPairs(nullptr, bytes, keys, sorted_keys, values, sorted_values, n, 0, bits, on.stream), "cub::DeviceRadixSort::SortPairs");
  const Scratch storage(on, bytes);
  check(cub::DeviceRadixSort::SortPairs(storage.as<void>(), bytes, keys, sorted_keys, values, sorted_values, n, 0, bits, on.stream), "cub::DeviceRadixSort::SortPairs");
}
template void sort_pairs(const Cuda&, const uint32_t*, uint32_t*, const uint32_t*, uint32_t*, int64_t, int);
template void sort_pairs(const Cuda&, const uint64_t*, uint64_t*, const uint32_t*, uint32_t*, int64_t, int);

}  // namespace mica
