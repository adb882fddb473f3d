#include "mica/cuda/staging.h"
#include <cstring>
#include <map>
#include <mutex>
#include "mica/core/recorder.h"
#include "mica/core/steady_state.h"
#include "mica/cuda/launch.h"
#include "mica/cuda/queue.h"

namespace mica {
namespace {
struct Buffer {
  void* p = nullptr;
  cudaEvent_t done = nullptr;  // the copy that reads it
};
struct Buffers {
  std::mutex mutex;
  std::multimap<std::pair<int, size_t>, Buffer> idle;  // by device and size; their copies may still run
};
Buffers& buffers() { static Buffers& b = *new Buffers; return b; }

constexpr size_t least = 4096, most = size_t(16) << 20;  // of one buffer: larger copies go in pieces

// One whose copy has run, or a new one.
Buffer take(int device, size_t bytes) {
  {
    const std::lock_guard lock(buffers().mutex);
    const auto [begin, end] = buffers().idle.equal_range({device, bytes});
    for (auto i = begin; i != end; ++i) {
      const cudaError_t state = cudaEventQuery(i->second.done);
      if (state == cudaErrorNotReady) { cudaGetLastError(); continue; }
      check(state, "cudaEventQuery");
      const Buffer found = i->second;
      buffers().idle.erase(i);
      return found;
    }
  }
  hidden_work("takes pinned memory from the driver", true);
  Buffer fresh;
  check(cudaHostAlloc(&fresh.p, bytes, cudaHostAllocDefault), "cudaHostAlloc");
  const cudaError_t error = cudaEventCreateWithFlags(&fresh.done, cudaEventDisableTiming);
  if (error != cudaSuccess) cudaFreeHost(fresh.p);
  check(error, "cudaEventCreateWithFlags");
  return fresh;
}
void put(int device, size_t bytes, const Buffer& buffer) {
  const std::lock_guard lock(buffers().mutex);
  buffers().idle.emplace(std::pair(device, bytes), buffer);
}
}  // namespace

void upload(const Cuda& on, void* to, const void* from, size_t bytes) {
  if (Recorder* const recorder = recording()) {  // the graph reads it in every replay
    void* const kept = recorder->keep(bytes);
    std::memcpy(kept, from, bytes);
    return check(cudaMemcpyAsync(to, kept, bytes, cudaMemcpyHostToDevice, on.stream), "cudaMemcpyAsync");
  }
  for (size_t at = 0; at < bytes; at += most) {
    const size_t n = std::min(most, bytes - at);
    size_t size = least;
    while (size < n) size *= 2;
    const Buffer buffer = take(on.device, size);
    std::memcpy(buffer.p, static_cast<const char*>(from) + at, n);
    const cudaError_t copied = cudaMemcpyAsync(static_cast<char*>(to) + at, buffer.p, n, cudaMemcpyHostToDevice, on.stream);
    const cudaError_t recorded = copied == cudaSuccess ? cudaEventRecord(buffer.done, on.stream) : copied;
    put(on.device, size, buffer);
    check(copied, "cudaMemcpyAsync");
    check(recorded, "cudaEventRecord");
  }
}

}  // namespace mica
