#include "mica/core/ops/mask.h"
#include "mica/cuda/fold.h"
#include <cub/device/device_select.cuh>
#include <thrust/iterator/counting_iterator.h>

namespace mica {

void op::FlatNonzero::forward(const Cuda& on, const Tensor& x, Tensor& y) const {
  if (count == 0) return;
  const thrust::counting_iterator<int64_t> places(0);
  const Scratch selected(on, sizeof(int64_t));  // the host knows it
  const auto select = [&](void* storage, size_t& bytes) {
    check(cub::DeviceSelect::Flagged(storage, bytes, places, output<bool>(x), output<int64_t>(y), selected.as<int64_t>(), x.size(), on.stream), "cub::DeviceSelect::Flagged");
  };
  size_t bytes = 0;
  select(nullptr, bytes);
  const Scratch storage(on, bytes);
  select(storage.as<void>(), bytes);
}

}  // namespace mica
