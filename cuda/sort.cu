#include "mica/core/ops/sort.h"
#include "mica/cuda/fold.h"
#include "mica/cuda/radix.h"
#include "mica/cuda/scatter.h"

namespace mica {
namespace {
constexpr int64_t short_row = 512;

// An unsigned integer ordered as x is: both zeros are equal, NaN is the largest. `descending` turns the order round; equal ones stay equal.
template <class T> using Key = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
template <class T> __device__ __forceinline__ Key<T> key_of(T x, bool descending) {
  using K = Key<T>;
  constexpr K sign = K(1) << (8 * sizeof(K) - 1);
  K key;
  if constexpr (std::is_floating_point_v<Compute<T>>) {
    const Compute<T> v = wide(x) + Compute<T>(0);  // -0 + 0 is 0
    key = std::bit_cast<K>(v);
    key = v != v ? ~K(0) : key & sign ? ~key : key | sign;
  } else if constexpr (std::is_signed_v<T>) key = K(x) ^ sign;
  else key = K(x);
  return descending ? ~key : key;
}

// One thread finds the place of one element of a short row, by counting what comes before it. sizeof(T) bytes per pair of elements of
// a row, from caches, 3 operations per pair; sizeof(T) + 8 are written for each that is wanted. Deterministic.
template <class T> __global__ void sort_by_counting_kernel(int64_t rows, int n, int k, bool descending, const T* x, T* values, int64_t* indices) {
  const int64_t e = thread_number();
  if (e >= rows * n) return;
  const int64_t row = e / n;
  const int i = int(e - row * n);
  const Key<T> mine = key_of(x[e], descending);
  int place = 0;
  for (int j = 0; j < n; ++j) {
    const Key<T> other = key_of(x[row * n + j], descending);
    place += other < mine || (other == mine && j < i);
  }
  if (place >= k) return;
  values[row * k + place] = x[e];
  indices[row * k + place] = i;
}

// One thread makes one key; where it leaves room, its row stands in front: sizeof(T) + 12 bytes per element, 6 operations per element. Deterministic.
template <class T> __global__ void keys_kernel(int64_t count, int64_t n, bool descending, const T* x, uint64_t* keys, uint32_t* places) {
  const int64_t i = thread_number();
  if (i >= count) return;
  keys[i] = key_of(x[i], descending);
  if constexpr (sizeof(Key<T>) == 4) keys[i] |= uint64_t(i / n) << 32;
  places[i] = uint32_t(i);
}
// One thread finds the row of one place: 8 bytes per place, 1 operation per place. Deterministic.
__global__ void rows_of_places_kernel(int64_t count, int64_t n, const uint32_t* places, uint32_t* rows) {
  const int64_t i = thread_number();
  if (i < count) rows[i] = uint32_t(places[i] / n);
}
// One thread writes one of the first k of a row: (2 sizeof(T) + 12) bytes per element, no operations. Deterministic.
template <class T> __global__ void sorted_kernel(int64_t count, int64_t n, int64_t k, const uint32_t* places, const T* x, T* values, int64_t* indices) {
  const int64_t i = thread_number();
  if (i >= count) return;
  const int64_t row = i / k, place = places[row * n + i % k];
  values[i] = x[place];
  indices[i] = place - row * n;
}

// All rows at once, by their numbers and then by their elements. A 32-bit key and the row are one key; with 64 bits there are two stable sorts.
template <class T> void sort_by_radix(const Cuda& on, int64_t rows, int64_t n, int64_t k, bool descending, const T* x, T* values, int64_t* indices) {
  const int64_t count = rows * n;
  check_32_bits(count);
  const int row_bits = int(std::bit_width(uint64_t(rows - 1)));
  const Scratch keys(on, size_t(count) * 8), sorted_keys(on, size_t(count) * 8), places(on, size_t(count) * 4), sorted(on, size_t(count) * 4);
  launch(on, {blocks_for(count), block_threads}, keys_kernel<T>, count, n, descending, x, keys.as<uint64_t>(), places.as<uint32_t>());
  const bool two = sizeof(Key<T>) == 8 && rows > 1;
  sort_pairs(on, keys.as<uint64_t>(), sorted_keys.as<uint64_t>(), places.as<uint32_t>(), sorted.as<uint32_t>(), count, sizeof(Key<T>) == 8 ? 64 : 32 + row_bits);
  if (two) {
    launch(on, {blocks_for(count), block_threads}, rows_of_places_kernel, count, n, sorted.as<uint32_t>(), keys.as<uint32_t>());
    sort_pairs(on, keys.as<uint32_t>(), sorted_keys.as<uint32_t>(), sorted.as<uint32_t>(), places.as<uint32_t>(), count, row_bits);
  }
  launch(on, {blocks_for(rows * k), block_threads}, sorted_kernel<T>, rows * k, n, k, two ? places.as<uint32_t>() : sorted.as<uint32_t>(), x, values, indices);
}
}  // namespace

void sort_kernel(const Cuda& on, const Tensor& x, const Tensor& values, const Tensor& indices, bool descending) {
  if (values.size() == 0) return;
  const int64_t n = x.size(-1), k = values.size(-1), rows = x.size() / n;
  dispatch(x.dtype(), [&]<class T>(T) {
    if (n <= short_row)
      launch(on, {blocks_for(rows * n), block_threads}, sort_by_counting_kernel<T>, rows, n, k, descending, output<T>(x), output<T>(values), output<int64_t>(indices));
    else sort_by_radix(on, rows, n, k, descending, output<T>(x), output<T>(values), output<int64_t>(indices));
  });
}

}  // namespace mica
