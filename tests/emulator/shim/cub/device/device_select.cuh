#pragma once
#include <cstdint>
#include <cub/detail/device.h>
// <cub/device/device_select.cuh>
namespace cub {

// Selected items keep their order; *selected is how many there are.
struct DeviceSelect {
  using Place = detail::Place;
  template <class In, class Flags, class Out, class Selected>
  static cudaError_t Flagged(void* storage, size_t& bytes, In in, Flags flags, Out out, Selected selected, int64_t n, cudaStream_t stream = nullptr,
                             Place where = Place::current()) {
    return select(storage, bytes, in, out, selected, n, [=](int64_t i, const auto&) { return bool(flags[i]); }, stream, where);
  }
  template <class In, class Out, class Selected, class F>
  static cudaError_t If(void* storage, size_t& bytes, In in, Out out, Selected selected, int64_t n, F f, cudaStream_t stream = nullptr, Place where = Place::current()) {
    return select(storage, bytes, in, out, selected, n, [=](int64_t, const auto& item) { return bool(f(item)); }, stream, where);
  }

 private:
  template <class In, class Out, class Selected, class F>
  static cudaError_t select(void* storage, size_t& bytes, In in, Out out, Selected selected, int64_t n, F take, cudaStream_t stream, const Place& where) {
    if constexpr (std::is_pointer_v<In> && std::is_pointer_v<Out>)
      if (storage && n) mica::emulator::expect_apart(in, size_t(n) * sizeof *in, out, 1, where);
    return detail::device_wide(storage, bytes, detail::storage_bytes(n), stream, where, [=] {
      int64_t found = 0;
      for (int64_t i = 0; i < n; ++i)
        if (const auto item = in[i]; take(i, item)) out[found++] = item;
      *selected = detail::value_of<Selected>(found);
    });
  }
};

}  // namespace cub
