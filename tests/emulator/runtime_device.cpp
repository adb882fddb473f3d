#include <algorithm>
#include <cstdio>
#include <map>
#include "mica/tests/emulator/arena.h"
#include "mica/tests/emulator/block.h"
#include "mica/tests/emulator/grid.h"
#include "mica/tests/emulator/launch.h"
#include "mica/tests/emulator/pinned.h"
#include "mica/tests/emulator/report.h"
#include "mica/tests/emulator/runtime.h"
#include "mica/tests/emulator/stream.h"
// The device itself, functions, errors; and launches. The numbers are an H100's.
using namespace mica::emulator;

namespace {
constexpr int default_shared = 48 << 10, most_shared = 227 << 10, threads_of_processor = 2048, processors = 132;
std::map<const void*, int> shared_limits;  // what cudaFuncSetAttribute has allowed

const std::map<cudaError_t, std::pair<const char*, const char*>> error_names = {
    {cudaSuccess, {"cudaSuccess", "no error"}},
    {cudaErrorInvalidValue, {"cudaErrorInvalidValue", "invalid argument"}},
    {cudaErrorMemoryAllocation, {"cudaErrorMemoryAllocation", "out of memory"}},
    {cudaErrorInitializationError, {"cudaErrorInitializationError", "initialization error"}},
    {cudaErrorInvalidConfiguration, {"cudaErrorInvalidConfiguration", "invalid configuration argument"}},
    {cudaErrorInvalidPitchValue, {"cudaErrorInvalidPitchValue", "invalid pitch argument"}},
    {cudaErrorInsufficientDriver, {"cudaErrorInsufficientDriver", "CUDA driver version is insufficient for CUDA runtime version"}},
    {cudaErrorNoDevice, {"cudaErrorNoDevice", "no CUDA-capable device is detected"}},
    {cudaErrorInvalidDevice, {"cudaErrorInvalidDevice", "invalid device ordinal"}},
    {cudaErrorInvalidDeviceFunction, {"cudaErrorInvalidDeviceFunction", "invalid device function"}},
    {cudaErrorInvalidResourceHandle, {"cudaErrorInvalidResourceHandle", "invalid resource handle"}},
    {cudaErrorIllegalState, {"cudaErrorIllegalState", "the operation cannot be performed in the present state"}},
    {cudaErrorNotPermitted, {"cudaErrorNotPermitted", "operation not permitted"}},
    {cudaErrorNotReady, {"cudaErrorNotReady", "device not ready"}},
    {cudaErrorIllegalAddress, {"cudaErrorIllegalAddress", "an illegal memory access was encountered"}},
    {cudaErrorLaunchOutOfResources, {"cudaErrorLaunchOutOfResources", "too many resources requested for launch"}},
    {cudaErrorLaunchFailure, {"cudaErrorLaunchFailure", "unspecified launch failure"}},
    {cudaErrorStreamCaptureUnsupported, {"cudaErrorStreamCaptureUnsupported", "operation not permitted when stream is capturing"}},
    {cudaErrorStreamCaptureInvalidated, {"cudaErrorStreamCaptureInvalidated", "operation failed due to a previous error during capture"}},
    {cudaErrorStreamCaptureMerge, {"cudaErrorStreamCaptureMerge", "operation would result in a merge of separate capture sequences"}},
    {cudaErrorStreamCaptureUnmatched, {"cudaErrorStreamCaptureUnmatched", "capture was not ended in the same stream as it began"}},
    {cudaErrorStreamCaptureUnjoined, {"cudaErrorStreamCaptureUnjoined", "capturing stream has unjoined work"}},
    {cudaErrorStreamCaptureIsolation, {"cudaErrorStreamCaptureIsolation", "dependency created on uncaptured work in another stream"}},
    {cudaErrorStreamCaptureImplicit, {"cudaErrorStreamCaptureImplicit", "operation would make the legacy stream depend on a capturing blocking stream"}},
    {cudaErrorCapturedEvent, {"cudaErrorCapturedEvent", "operation not permitted on an event last recorded in a capturing stream"}},
    {cudaErrorUnknown, {"cudaErrorUnknown", "unknown error"}},
};
const std::pair<const char*, const char*>& names_of(cudaError_t error) {
  const auto found = error_names.find(error);
  return (found == error_names.end() ? error_names.find(cudaErrorUnknown) : found)->second;
}
cudaError_t occupancy(int* blocks, const void* function, int threads, size_t shared_bytes) {
  if (!function || threads < 1 || threads > 1024) return cudaErrorInvalidValue;
  *blocks = std::min({32, threads_of_processor / ((threads + 31) / 32 * 32), int(size_t(most_shared + 1024) / (shared_bytes + 1024))});  // the system takes 1 KiB of each
  return cudaSuccess;
}
cudaError_t only_device(int device) { return device == 0 ? cudaSuccess : cudaErrorInvalidDevice; }
}  // namespace

namespace mica::emulator {
void expect_device_pointer(const void* p, const std::source_location& where) {
  const std::lock_guard lock(runtime_mutex());
  if (p && !arena().contains(p) && !is_pinned(p))
    report("host pointer", place(where), "the kernel launched at " + place(where) + " is given a pointer to memory of the host that is not pinned");
}
cudaError_t launch(const void* kernel, dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream, std::function<void()> body, const std::source_location& where) {
  return call("cudaLaunchKernel", [&] {
    Stream* s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    const uint64_t threads = uint64_t(block.x) * block.y * block.z;
    if (!threads || threads > 1024 || block.x > 1024 || block.y > 1024 || block.z > 64) return cudaErrorInvalidConfiguration;
    if (!grid.x || !grid.y || !grid.z || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535) return cudaErrorInvalidConfiguration;
    const auto limit = shared_limits.find(kernel);
    if (shared_bytes > size_t(limit == shared_limits.end() ? default_shared : limit->second)) return cudaErrorInvalidValue;
    const size_t shared_limit = limit != shared_limits.end() && limit->second > default_shared ? most_shared : default_shared;
    Launch l{{grid.x, grid.y, grid.z}, {block.x, block.y, block.z}, shared_bytes, shared_limit, std::move(body), where};
    return enqueue(*s, {{"the kernel", nullptr, where}, [l = std::move(l)] { run_grid(l); }});
  });
}
}  // namespace mica::emulator

extern "C" {
const char* cudaGetErrorName(cudaError_t error) { return names_of(error).first; }
const char* cudaGetErrorString(cudaError_t error) { return names_of(error).second; }

cudaError_t cudaGetDeviceCount(int* count) {
  return call(__func__, [&] { return *count = 1, cudaSuccess; });
}
cudaError_t cudaGetDevice(int* device) {
  return call(__func__, [&] { return *device = 0, cudaSuccess; });
}
cudaError_t cudaSetDevice(int device) {
  return call(__func__, [&] { return only_device(device); });
}
cudaError_t cudaDriverGetVersion(int* version) {
  return call(__func__, [&] { return *version = CUDART_VERSION, cudaSuccess; });
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  return call(__func__, [&] { return *version = CUDART_VERSION, cudaSuccess; });
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  return call(__func__, [&] { return *least = *greatest = 0, cudaSuccess; });
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return call(__func__, [&] {
    if (const auto error = only_device(device)) return error;
    *properties = {};
    std::snprintf(properties->name, sizeof properties->name, "emulated device");
    properties->totalGlobalMem = arena().capacity();
    properties->sharedMemPerBlock = default_shared;
    properties->sharedMemPerBlockOptin = most_shared;
    properties->sharedMemPerMultiprocessor = most_shared + 1024;
    properties->regsPerBlock = properties->regsPerMultiprocessor = 65536;
    properties->warpSize = 32;
    properties->maxThreadsPerBlock = 1024;
    std::copy_n(std::initializer_list<int>{1024, 1024, 64}.begin(), 3, properties->maxThreadsDim);
    std::copy_n(std::initializer_list<int>{0x7fffffff, 65535, 65535}.begin(), 3, properties->maxGridSize);
    properties->maxThreadsPerMultiProcessor = threads_of_processor;
    properties->multiProcessorCount = processors;
    properties->l2CacheSize = 50 << 20;
    properties->major = 9;
    properties->minor = 0;
    return cudaSuccess;
  });
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return call(__func__, [&] {
    if (const auto error = only_device(device)) return error;
    switch (attribute) {
      case cudaDevAttrComputeCapabilityMajor: *value = 9; break;
      case cudaDevAttrComputeCapabilityMinor: *value = 0; break;
      case cudaDevAttrMultiProcessorCount: *value = processors; break;
      case cudaDevAttrMaxThreadsPerMultiProcessor: *value = threads_of_processor; break;
      case cudaDevAttrMaxThreadsPerBlock: *value = 1024; break;
      case cudaDevAttrWarpSize: *value = 32; break;
      case cudaDevAttrMaxSharedMemoryPerBlock: *value = default_shared; break;
      case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = most_shared; break;
      case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *value = most_shared + 1024; break;
      case cudaDevAttrReservedSharedMemoryPerBlock: *value = 1024; break;
      case cudaDevAttrMaxBlocksPerMultiprocessor: *value = 32; break;
      case cudaDevAttrMaxRegistersPerBlock:
      case cudaDevAttrMaxRegistersPerMultiprocessor: *value = 65536; break;
      case cudaDevAttrMaxBlockDimX:
      case cudaDevAttrMaxBlockDimY: *value = 1024; break;
      case cudaDevAttrMaxBlockDimZ: *value = 64; break;
      case cudaDevAttrMaxGridDimX: *value = 0x7fffffff; break;
      case cudaDevAttrMaxGridDimY:
      case cudaDevAttrMaxGridDimZ: *value = 65535; break;
      case cudaDevAttrL2CacheSize: *value = 50 << 20; break;
      case cudaDevAttrUnifiedAddressing:
      case cudaDevAttrCanMapHostMemory:
      case cudaDevAttrConcurrentKernels: *value = 1; break;
      case cudaDevAttrManagedMemory:
      case cudaDevAttrPageableMemoryAccess:
      case cudaDevAttrIntegrated:
      case cudaDevAttrCooperativeLaunch: *value = 0; break;  // none of them is emulated
      default: return cudaErrorInvalidValue;
    }
    return cudaSuccess;
  });
}
cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  return call(__func__, [&] {
    if (!function) return cudaErrorInvalidDeviceFunction;
    if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout) return value >= -1 && value <= 100 ? cudaSuccess : cudaErrorInvalidValue;
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 || value > most_shared) return cudaErrorInvalidValue;
    shared_limits[function] = value;
    return cudaSuccess;
  });
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* function) {
  return call(__func__, [&] {
    if (!function) return cudaErrorInvalidDeviceFunction;
    *attributes = {};
    attributes->maxThreadsPerBlock = 1024;
    attributes->numRegs = 32;
    attributes->binaryVersion = attributes->ptxVersion = 90;
    const auto limit = shared_limits.find(function);
    attributes->maxDynamicSharedSizeBytes = limit == shared_limits.end() ? default_shared : limit->second;
    return cudaSuccess;
  });
}
// The template in cuda_runtime.h calls the second.
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* function, int threads, size_t shared_bytes) {
  return call(__func__, [&] { return occupancy(blocks, function, threads, shared_bytes); });
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void* function, int threads, size_t shared_bytes, unsigned flags) {
  return call(__func__, [&] { return flags > cudaOccupancyDisableCachingOverride ? cudaErrorInvalidValue : occupancy(blocks, function, threads, shared_bytes); });
}
}
