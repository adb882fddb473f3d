#pragma once
#include <cub/detail/device.h>
// <cub/device/device_scan.cuh>
namespace cub {

// The output may be the input.
struct DeviceScan {
  using Place = detail::Place;
  template <class In, class Out, class F, class Count>
  static cudaError_t InclusiveScan(void* storage, size_t& bytes, In in, Out out, F f, Count n, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return detail::device_wide(storage, bytes, detail::storage_bytes(n), stream, where, [=] {
      if (n <= 0) return;
      using Value = detail::value_of<In>;
      detail::accumulator<F, Value, Value> result = in[0];
      out[0] = result;
      for (Count i = 1; i < n; ++i) out[i] = result = f(result, in[i]);
    });
  }
  template <class In, class Out, class F, class T, class Count>
  static cudaError_t ExclusiveScan(void* storage, size_t& bytes, In in, Out out, F f, T initial, Count n, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return detail::device_wide(storage, bytes, detail::storage_bytes(n), stream, where, [=] {
      detail::accumulator<F, T, detail::value_of<In>> result = initial;
      for (Count i = 0; i < n; ++i) {
        const auto next = f(result, in[i]);
        out[i] = result;
        result = next;
      }
    });
  }
  template <class In, class Out, class Count>
  static cudaError_t InclusiveSum(void* storage, size_t& bytes, In in, Out out, Count n, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return InclusiveScan(storage, bytes, in, out, ::cuda::std::plus<>(), n, stream, where);
  }
  template <class In, class Out, class Count>
  static cudaError_t ExclusiveSum(void* storage, size_t& bytes, In in, Out out, Count n, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return ExclusiveScan(storage, bytes, in, out, ::cuda::std::plus<>(), detail::value_of<In>{}, n, stream, where);
  }
};

}  // namespace cub
