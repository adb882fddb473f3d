#include "mica/core/kernels.h"
#include "mica/cuda/launch.h"
// Device memory for the code under test, without mica's allocator: every block comes from the runtime, and goes back in the order of its stream.
namespace mica {

void* acquire(const Cuda&, size_t bytes) {
  void* p = nullptr;
  check(cudaMalloc(&p, bytes), "cudaMalloc");
  return p;
}
void release(const Cuda& on, void* data, size_t) noexcept {
  if (cudaFreeAsync(data, on.stream) != cudaSuccess) cudaFreeAsync(data, on.stream);  // where a test made it fail
}

}  // namespace mica
