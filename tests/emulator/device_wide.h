#pragma once
#include <cuda_runtime.h>
#include <functional>
#include <source_location>
namespace mica::emulator {

// A function of the host that works on device memory with temporary storage, as CUB's. Without storage it says how many bytes it needs; with it
// it queues `body`, one thread's work, behind filling the storage with NaN. Storage that is too small is refused as CUB does; storage that is no
// device memory of its size is reported.
cudaError_t device_wide(void* storage, size_t& bytes, size_t needed, cudaStream_t stream, const std::source_location& where, std::function<void()> body);
// Reports arrays of such a function that must not overlap and do.
void expect_apart(const void* a, size_t a_bytes, const void* b, size_t b_bytes, const std::source_location& where);

}  // namespace mica::emulator
