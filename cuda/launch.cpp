#include "mica/cuda/launch.h"
#include <string>

namespace mica {
namespace {
std::string line(const std::source_location& where) {
  const std::string path = where.file_name();
  return path.substr(path.rfind('/') + 1) + ":" + std::to_string(where.line());
}
std::string text(dim3 d) { return "(" + std::to_string(d.x) + ", " + std::to_string(d.y) + ", " + std::to_string(d.z) + ")"; }
std::string text(cudaError_t error) { return std::string(cudaGetErrorName(error)) + ", " + cudaGetErrorString(error); }
}  // namespace

void check(cudaError_t error, const char* what, std::source_location where) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // the runtime would answer the next call with it
  throw CudaError(std::string(what) + " failed at " + line(where) + ": " + text(error));
}

void launch_failed(cudaError_t error, const Grid& grid) {
  throw CudaError("the kernel launched at " + line(grid.where) + " with blocks " + text(grid.blocks) + ", threads " + text(grid.threads) + " and " +
                  std::to_string(grid.shared_bytes) + " bytes of dynamic shared memory was refused: " + text(error));
}

}  // namespace mica
