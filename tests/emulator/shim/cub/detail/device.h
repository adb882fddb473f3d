#pragma once
#include <cub/detail/types.h>
#include "mica/tests/emulator/device_wide.h"
namespace cub::detail {
using Place = std::source_location;
using mica::emulator::device_wide;

// Bytes of temporary storage for n items of `each` bytes: they grow with n, so that storage that was asked for with another n is refused.
template <class Count> size_t storage_bytes(Count n, size_t each) { return 256 + size_t(n) * each; }
template <class Count> size_t storage_bytes(Count n) { return 256 + size_t(n) / 16 * 4; }
}  // namespace cub::detail
