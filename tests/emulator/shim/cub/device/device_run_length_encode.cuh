#pragma once
#include <cub/detail/device.h>
// <cub/device/device_run_length_encode.cuh>
namespace cub {

struct DeviceRunLengthEncode {
  using Place = detail::Place;
  template <class In, class Unique, class Lengths, class Runs>
  static cudaError_t Encode(void* storage, size_t& bytes, In in, Unique unique, Lengths lengths, Runs runs, int n, cudaStream_t stream = nullptr,
                            Place where = Place::current()) {
    return detail::device_wide(storage, bytes, detail::storage_bytes(n), stream, where, [=] {
      int run = 0;
      for (int i = 0; i < n; ++run) {
        const int begin = i;
        const auto item = in[i];
        while (i < n && in[i] == item) ++i;
        unique[run] = item;
        lengths[run] = detail::value_of<Lengths>(i - begin);
      }
      *runs = detail::value_of<Runs>(run);
    });
  }
};

}  // namespace cub
