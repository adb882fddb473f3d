#pragma once
#include <cuda_runtime.h>
#include "mica/core/context.h"
namespace mica {

// Queues a copy of host memory to the device, in on.stream. `from` may be written again on return: it has been copied to pinned memory, which the
// device reads by itself, so the host does not wait. The pinned memory is kept for the next copies.
void upload(const Cuda& on, void* to, const void* from, size_t bytes);

}  // namespace mica
