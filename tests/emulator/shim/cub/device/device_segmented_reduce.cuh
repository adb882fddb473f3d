#pragma once
#include <cstdint>
#include <cub/detail/device.h>
// <cub/device/device_segmented_reduce.cuh>
namespace cub {

// Segment i is in[begins[i]] to in[ends[i] - 1]; an empty one gives the initial value.
struct DeviceSegmentedReduce {
  using Place = detail::Place;
  template <class In, class Out, class Begin, class End, class F, class T>
  static cudaError_t Reduce(void* storage, size_t& bytes, In in, Out out, int64_t segments, Begin begins, End ends, F f, T initial, cudaStream_t stream = nullptr,
                            Place where = Place::current()) {
    static_assert(std::is_integral_v<detail::value_of<Begin>> && std::is_integral_v<detail::value_of<End>>);
    return detail::device_wide(storage, bytes, detail::storage_bytes(segments), stream, where, [=] {
      for (int64_t s = 0; s < segments; ++s) {
        detail::accumulator<F, T, detail::value_of<In>> result = initial;
        const int64_t begin = begins[s], end = ends[s];
        if (begin < end) result = f(result, detail::reduce<decltype(result)>(in, begin, end, f));
        out[s] = result;
      }
    });
  }
  template <class In, class Out, class Begin, class End>
  static cudaError_t Sum(void* storage, size_t& bytes, In in, Out out, int64_t segments, Begin begins, End ends, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return Reduce(storage, bytes, in, out, segments, begins, ends, ::cuda::std::plus<>(), detail::value_of<Out>{}, stream, where);
  }
  template <class In, class Out, class Begin, class End>
  static cudaError_t Max(void* storage, size_t& bytes, In in, Out out, int64_t segments, Begin begins, End ends, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return Reduce(storage, bytes, in, out, segments, begins, ends, ::cuda::maximum<>(), detail::lowest<detail::value_of<In>>(), stream, where);
  }
  template <class In, class Out, class Begin, class End>
  static cudaError_t Min(void* storage, size_t& bytes, In in, Out out, int64_t segments, Begin begins, End ends, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return Reduce(storage, bytes, in, out, segments, begins, ends, ::cuda::minimum<>(), detail::highest<detail::value_of<In>>(), stream, where);
  }
};

}  // namespace cub
