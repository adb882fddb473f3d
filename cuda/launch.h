#pragma once
#include <cuda_runtime.h>
#include <source_location>
#include <type_traits>
#include "mica/core/context.h"
#include "mica/core/error.h"
#if MICA_EMULATED && !defined(__CUDACC__)
#include "mica/tests/emulator/launch.h"
#endif
namespace mica {

// Blocks and threads of a launch, and its bytes of dynamic shared memory; notes the line it is written in.
struct Grid {
  dim3 blocks, threads;
  size_t shared_bytes;
  std::source_location where;
  Grid(dim3 blocks, dim3 threads, size_t shared_bytes = 0, std::source_location where = std::source_location::current())
      : blocks(blocks), threads(threads), shared_bytes(shared_bytes), where(where) {}
};

// Throws CudaError, which names `what`, the error and the caller's line, where `error` is one.
void check(cudaError_t error, const char* what, std::source_location where = std::source_location::current());
// As check, for a launch that failed.
[[noreturn]] void launch_failed(cudaError_t error, const Grid& grid);

// Queues a kernel: launch(on, {blocks, threads}, axpy_kernel<float>, n, a, x, y). Arguments are converted to the kernel's parameters and copied.
// Throws CudaError. Hidden: a program and mica each have their copy of the CUDA runtime, which knows the kernels of its own side only.
#pragma GCC visibility push(hidden)
template <class... P, class... A> void launch(const Cuda& on, const Grid& grid, void (*kernel)(P...), A&&... arguments) {
  static_assert(sizeof...(P) == sizeof...(A), "launch: the kernel takes another number of arguments");
#if !MICA_EMULATED || defined(__CUDACC__)
  const auto run = [&](std::remove_cv_t<P>... values) {
    void* pointers[] = {const_cast<void*>(static_cast<const void*>(&values))..., nullptr};
    return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid.blocks, grid.threads, pointers, grid.shared_bytes, on.stream);
  };
  const cudaError_t error = run(static_cast<P>(arguments)...);
#else
  const cudaError_t error = emulator::launch_kernel(kernel, grid.blocks, grid.threads, grid.shared_bytes, on.stream, grid.where, static_cast<P>(arguments)...);
#endif
  if (error == cudaSuccess) return;
  cudaGetLastError();  // of that copy
  launch_failed(error, grid);
}
#pragma GCC visibility pop

}  // namespace mica
