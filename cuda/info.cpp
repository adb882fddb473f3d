#include <cuda_runtime.h>
#include "mica/core/config.h"
#include "mica/core/device.h"
#include "mica/core/info_internal.h"
#include "mica/cuda/cublaslt_table.h"
#include "mica/cuda/cudnn_table.h"
#include "mica/cuda/launch.h"

namespace mica {
namespace {
std::string text(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }  // CUDA's own: 13000 is 13.0
std::string or_missing(const std::string& version) { return version.empty() ? "not found" : version; }
}  // namespace

void add_cuda_info(std::vector<std::pair<std::string, std::string>>& parts) {
  int runtime = 0, driver = 0;
  check(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  parts.emplace_back("cuda", text(runtime) + (MICA_EMULATED ? ", emulated on the CPU" : ""));
  if (cudaDriverGetVersion(&driver) != cudaSuccess) cudaGetLastError();
  parts.emplace_back("driver", driver ? "CUDA " + text(driver) : "not found");
  parts.emplace_back("cuDNN", or_missing(cudnn_version()));
  parts.emplace_back("cuBLASLt", or_missing(cublaslt_version()));
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess) { cudaGetLastError(); devices = 0; }
  for (int i = 0; i < devices; ++i) {
    cudaDeviceProp p{};
    check(cudaGetDeviceProperties(&p, i), "cudaGetDeviceProperties");
    parts.emplace_back(to_string(cuda(i)), std::string(p.name) + ", compute " + std::to_string(p.major) + "." + std::to_string(p.minor) + ", " + std::to_string(p.multiProcessorCount) +
                                               " multiprocessors, " + std::to_string(p.totalGlobalMem >> 20) + " MiB");
  }
}

}  // namespace mica
