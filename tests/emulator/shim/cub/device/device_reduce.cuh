#pragma once
#include <cub/detail/device.h>
// <cub/device/device_reduce.cuh>
namespace cub {

struct DeviceReduce {
  using Place = detail::Place;
  template <class In, class Out, class F, class T, class Count>
  static cudaError_t Reduce(void* storage, size_t& bytes, In in, Out out, Count n, F f, T initial, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return detail::device_wide(storage, bytes, detail::storage_bytes(n), stream, where, [=] {
      detail::accumulator<F, T, detail::value_of<In>> result = initial;
      if (n > 0) result = f(result, detail::reduce<decltype(result)>(in, 0, int64_t(n), f));
      *out = result;
    });
  }
  template <class In, class Out, class Count>
  static cudaError_t Sum(void* storage, size_t& bytes, In in, Out out, Count n, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return Reduce(storage, bytes, in, out, n, ::cuda::std::plus<>(), detail::value_of<Out>{}, stream, where);
  }
  template <class In, class Out, class Count>
  static cudaError_t Max(void* storage, size_t& bytes, In in, Out out, Count n, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return Reduce(storage, bytes, in, out, n, ::cuda::maximum<>(), detail::lowest<detail::value_of<In>>(), stream, where);
  }
  template <class In, class Out, class Count>
  static cudaError_t Min(void* storage, size_t& bytes, In in, Out out, Count n, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return Reduce(storage, bytes, in, out, n, ::cuda::minimum<>(), detail::highest<detail::value_of<In>>(), stream, where);
  }
};

}  // namespace cub
