#pragma once
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>
#include <cub/detail/types.h>
namespace cub::detail {

// Bits [first, last) of an unsigned integer that is ordered as the keys are; both zeros of a floating type are one, NaNs lie behind the infinity
// of their sign.
template <class Key> uint64_t radix(Key key, int first, int last) {
  using Bits = std::conditional_t<sizeof(Key) == 8, uint64_t, std::conditional_t<sizeof(Key) == 4, uint32_t, std::conditional_t<sizeof(Key) == 2, uint16_t, uint8_t>>>;
  static_assert(sizeof(Key) == sizeof(Bits));
  constexpr Bits sign = Bits(Bits(1) << (sizeof(Key) * 8 - 1));
  Bits bits;
  __builtin_memcpy(&bits, &key, sizeof bits);
  if constexpr (!std::is_integral_v<Key>) {
    if (bits == sign) bits = 0;
    bits ^= bits & sign ? Bits(-1) : sign;
  } else if constexpr (std::is_signed_v<Key>) {
    bits ^= sign;
  }
  return last - first == 64 ? bits : uint64_t(bits) >> first & ((uint64_t(1) << (last - first)) - 1);
}

// The places of n keys in ascending or descending order; equal keys keep theirs.
template <class Key> std::vector<size_t> sorted_places(const Key* keys, size_t n, int first, int last, bool descending) {
  std::vector<size_t> places(n);
  std::iota(places.begin(), places.end(), size_t(0));
  std::vector<uint64_t> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = radix(keys[i], first, last);
  std::stable_sort(places.begin(), places.end(), [&](size_t a, size_t b) { return descending ? values[b] < values[a] : values[a] < values[b]; });
  return places;
}
}  // namespace cub::detail
