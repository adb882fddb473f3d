#pragma once
#include <cuda/functional>
#include <cuda/std/functional>
#include <cstdint>
#include <iterator>
#include <limits>
#include <type_traits>
#include "mica/tests/emulator/qualifiers.h"
namespace cub {
struct NullType {};

namespace detail {
template <class I> using value_of = typename std::iterator_traits<I>::value_type;
// What sums of T from U are held in; int for sums of 8 and 16 bits, as in CUB.
template <class F, class T, class U> using accumulator = std::decay_t<std::invoke_result_t<F, T, U>>;

// f over in[begin] to in[end - 1], of which there is one at least, by halves: sums round about as those of a GPU's tree do.
template <class A, class In, class F> A reduce(In in, int64_t begin, int64_t end, F f) {
  if (end - begin > 64) {
    const int64_t middle = begin + (end - begin) / 2;
    return f(reduce<A>(in, begin, middle, f), reduce<A>(in, middle, end, f));
  }
  A result = in[begin];
  for (int64_t i = begin + 1; i < end; ++i) result = f(result, in[i]);
  return result;
}

template <class T> T lowest() {
  if constexpr (std::is_same_v<T, __half>) return __ushort_as_half(0xfbff);
  else if constexpr (std::is_same_v<T, __nv_bfloat16>) return __ushort_as_bfloat16(0xff7f);
  else return std::numeric_limits<T>::lowest();
}
template <class T> T highest() {
  if constexpr (std::is_same_v<T, __half>) return __ushort_as_half(0x7bff);
  else if constexpr (std::is_same_v<T, __nv_bfloat16>) return __ushort_as_bfloat16(0x7f7f);
  else return std::numeric_limits<T>::max();
}
}  // namespace detail
}  // namespace cub
