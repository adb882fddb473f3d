#include <cstring>
#include <vector>
#include "mica/tests/emulator/arena.h"
#include "mica/tests/emulator/capture.h"
#include "mica/tests/emulator/grid.h"
#include "mica/tests/emulator/guard.h"
#include "mica/tests/emulator/pinned.h"
#include "mica/tests/emulator/race.h"
#include "mica/tests/emulator/report.h"
#include "mica/tests/emulator/runtime.h"
// Allocation, copies, fills.
using namespace mica::emulator;

namespace {
cudaError_t allocate(void** p, size_t bytes, const void* code) {
  install_fault_handler();
  *p = bytes ? arena().allocate(bytes, code) : nullptr;
  return bytes && !*p ? cudaErrorMemoryAllocation : cudaSuccess;
}

cudaError_t allocate_on_host(void** p, size_t bytes) {
  install_fault_handler();
  if (const auto error = refuse_capture()) return error;
  *p = bytes ? allocate_pinned(bytes) : nullptr;
  return bytes && !*p ? cudaErrorMemoryAllocation : cudaSuccess;
}

// Whether [p, p + bytes) lies in one allocation, when the task runs: it may have been freed since it was queued.
bool still_there(const void* p, size_t bytes, const Origin& origin) {
  if (!arena().contains(p) || arena().find(p, bytes)) return true;
  report("use after free", origin.text(), origin.text() + " touches " + arena().describe(p));
  return false;
}

struct Copy {
  void* to;
  const void* from;
  size_t bytes, to_step, from_step, rows;
};

void run_copy(const Copy& c, const Origin& origin) {
  for (size_t i = 0; i < c.rows; ++i) {
    char* to = static_cast<char*>(c.to) + i * c.to_step;
    const char* from = static_cast<const char*>(c.from) + i * c.from_step;
    if (!still_there(to, c.bytes, origin) || !still_there(from, c.bytes, origin)) return;
    std::memcpy(to, from, c.bytes);
    race::copied(from, c.bytes, false);
    race::copied(to, c.bytes, true);
  }
}

bool fits(const void* p, size_t bytes, bool device) { return device ? arena().find(p, bytes) != nullptr : !arena().contains(p); }

// Queues a copy. As the runtime promises, memory that is not pinned may be used again when this returns.
cudaError_t copy(const Copy& c, cudaMemcpyKind kind, cudaStream_t handle, const Origin& origin) {
  if (c.bytes * c.rows == 0) return cudaSuccess;
  Stream* s = stream_of(handle);
  if (!s) return cudaErrorInvalidResourceHandle;
  if (kind == cudaMemcpyDefault)
    kind = arena().contains(c.from) ? (arena().contains(c.to) ? cudaMemcpyDeviceToDevice : cudaMemcpyDeviceToHost)
                                    : (arena().contains(c.to) ? cudaMemcpyHostToDevice : cudaMemcpyHostToHost);
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  const size_t to_bytes = (c.rows - 1) * c.to_step + c.bytes, from_bytes = (c.rows - 1) * c.from_step + c.bytes;
  if (!fits(c.to, to_bytes, to_device) || !fits(c.from, from_bytes, from_device)) return cudaErrorInvalidValue;
  Task task{origin, [=] { run_copy(c, origin); }};
  const bool paged_source = !from_device && !is_pinned(c.from), paged_target = !to_device && !is_pinned(c.to);
  if ((paged_source || paged_target) && s->capture) {  // the host would have to take part
    s->capture->invalid = true;
    return cudaErrorStreamCaptureUnsupported;
  }
  if (paged_source) {
    const char* from = static_cast<const char*>(c.from);
    task.run = [=, staged = std::vector<char>(from, from + from_bytes)] { run_copy({c.to, staged.data(), c.bytes, c.to_step, c.from_step, c.rows}, origin); };
  }
  if (!paged_target && !to_device) task.uses.push_back({c.to, to_bytes, true});
  if (!paged_source && !from_device) task.uses.push_back({const_cast<void*>(c.from), from_bytes, false});
  if (const auto error = enqueue(*s, std::move(task))) return error;
  if (paged_target) finish(*s);
  return cudaSuccess;
}

cudaError_t fill(void* p, int value, size_t bytes, cudaStream_t handle, const Origin& origin) {
  if (!bytes) return cudaSuccess;
  Stream* s = stream_of(handle);
  if (!s) return cudaErrorInvalidResourceHandle;
  if (!arena().find(p, bytes)) return cudaErrorInvalidValue;
  return enqueue(*s, {origin, [=] {
                        if (!still_there(p, bytes, origin)) return;
                        std::memset(p, value, bytes);
                        race::copied(p, bytes, true);
                      }});
}

cudaError_t finished() { return take_device_failure() ? cudaErrorLaunchFailure : cudaSuccess; }
}  // namespace

extern "C" {
#define MICA_ORIGIN Origin{__func__, __builtin_return_address(0)}

cudaError_t cudaMalloc(void** p, size_t bytes) {
  const Origin origin = MICA_ORIGIN;
  return call(__func__, [&] {
    if (const auto error = refuse_capture()) return error;
    return allocate(p, bytes, origin.code);
  });
}
cudaError_t cudaFree(void* p) {
  const Origin origin = MICA_ORIGIN;
  return call(__func__, [&] {
    if (const auto error = refuse_capture()) return error;
    finish_all();
    if (p && !arena().free(p, origin.code)) return cudaErrorInvalidValue;
    return finished();
  });
}
cudaError_t cudaMallocAsync(void** p, size_t bytes, cudaStream_t handle) {
  const Origin origin = MICA_ORIGIN;
  return call(__func__, [&] {
    Stream* s = stream_of(handle);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (s->capture) return cudaErrorStreamCaptureUnsupported;
    return allocate(p, bytes, origin.code);
  });
}
cudaError_t cudaFreeAsync(void* p, cudaStream_t handle) {
  const Origin origin = MICA_ORIGIN;
  return call(__func__, [&] {
    Stream* s = stream_of(handle);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (!p) return cudaSuccess;
    if (s->capture) return cudaErrorStreamCaptureUnsupported;
    if (!arena().find(p)) return cudaErrorInvalidValue;
    return enqueue(*s, {origin, [=] { arena().free(p, origin.code); }});
  });
}
cudaError_t cudaMallocHost(void** p, size_t bytes) {
  return call(__func__, [&] { return allocate_on_host(p, bytes); });
}
cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned flags) {
  return call(__func__, [&] { return flags & ~unsigned(cudaHostAllocPortable | cudaHostAllocMapped | cudaHostAllocWriteCombined) ? cudaErrorInvalidValue : allocate_on_host(p, bytes); });
}
// Host and device have one address for it, as on every 64-bit system.
cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned flags) {
  return call(__func__, [&] {
    if (flags || !is_pinned(host)) return cudaErrorInvalidValue;
    *device = host;
    return cudaSuccess;
  });
}
cudaError_t cudaFreeHost(void* p) {
  return call(__func__, [&] {
    if (const auto error = refuse_capture()) return error;
    finish_all();
    return !p || free_pinned(p) ? finished() : cudaErrorInvalidValue;
  });
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  return call(__func__, [&] {
    *total = arena().capacity();
    *free = *total - arena().in_use();
    return cudaSuccess;
  });
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* p) {
  return call(__func__, [&] {
    *attributes = {};
    attributes->device = -1;
    attributes->type = arena().find(p) ? cudaMemoryTypeDevice : is_pinned(p) ? cudaMemoryTypeHost : cudaMemoryTypeUnregistered;
    if (attributes->type != cudaMemoryTypeUnregistered) attributes->device = 0;
    if (attributes->type != cudaMemoryTypeUnregistered) attributes->devicePointer = const_cast<void*>(p);
    if (attributes->type != cudaMemoryTypeDevice) attributes->hostPointer = const_cast<void*>(p);
    return cudaSuccess;
  });
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  const Origin origin = MICA_ORIGIN;
  return call(__func__, [&] { return copy({to, from, bytes, bytes, bytes, 1}, kind, stream, origin); });
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_step, const void* from, size_t from_step, size_t bytes, size_t rows, cudaMemcpyKind kind, cudaStream_t stream) {
  const Origin origin = MICA_ORIGIN;
  return call(__func__, [&] {
    if (bytes > to_step || bytes > from_step) return cudaErrorInvalidPitchValue;
    return copy({to, from, bytes, to_step, from_step, rows}, kind, stream, origin);
  });
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  const Origin origin = MICA_ORIGIN;
  return call(__func__, [&] {
    if (const auto error = refuse_capture()) return error;
    if (const auto error = copy({to, from, bytes, bytes, bytes, 1}, kind, nullptr, origin)) return error;
    finish(*stream_of(nullptr));
    return finished();
  });
}
cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t stream) {
  const Origin origin = MICA_ORIGIN;
  return call(__func__, [&] { return fill(p, value, bytes, stream, origin); });
}
cudaError_t cudaMemset(void* p, int value, size_t bytes) {
  const Origin origin = MICA_ORIGIN;
  return call(__func__, [&] {
    if (const auto error = refuse_capture()) return error;
    return fill(p, value, bytes, nullptr, origin);
  });
}
}
