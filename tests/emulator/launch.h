#pragma once
#include <cuda_runtime.h>
#include <functional>
#include <source_location>
#include <tuple>
namespace mica::emulator {

// Checks what the driver checks, and queues `body`, to be run once for each thread.
cudaError_t launch(const void* kernel, dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream, std::function<void()> body,
                   const std::source_location& where);

// Reports a pointer to memory of the host that a kernel cannot touch on a GPU.
void expect_device_pointer(const void* p, const std::source_location& where);
// Names, which the device passes back to the host, are exempt.
template <class T> void expect_for_device(const T& argument, const std::source_location& where) {
  if constexpr (std::is_pointer_v<T> && !std::is_same_v<T, const char*> && !std::is_function_v<std::remove_pointer_t<T>>) expect_device_pointer(argument, where);
}

// Arguments are copied now, as on a GPU.
template <class... P> cudaError_t launch_kernel(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
                                                const std::source_location& where, const std::type_identity_t<P>&... arguments) {
  (expect_for_device(arguments, where), ...);
  return launch(reinterpret_cast<const void*>(kernel), grid, block, shared_bytes, stream,
                [kernel, values = std::tuple<std::remove_cv_t<P>...>(arguments...)] { std::apply(kernel, values); }, where);
}

}  // namespace mica::emulator
