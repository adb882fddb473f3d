#include "mica/cuda/queue.h"
#include <map>
#include <mutex>
#include <string>
#include "mica/core/kernels.h"
#include "mica/core/recorder.h"
#include "mica/core/stream.h"
#include "mica/cuda/fault.h"
#include "mica/cuda/launch.h"

namespace mica {
namespace {
constexpr int most_devices = 64;

struct Queues {
  std::mutex mutex;
  std::map<std::pair<int, cudaStream_t>, Queue> all;  // nodes stay where they are
};
Queues& queues() { static Queues& q = *new Queues; return q; }

constinit thread_local Queue* current[most_devices] = {};

int devices() {
  static const int count = [] {
    int n = 0;
    if (cudaGetDeviceCount(&n) == cudaSuccess) return std::min(n, most_devices);
    cudaGetLastError();
    return 0;
  }();
  return count;
}
}  // namespace

bool cuda_available() { return devices() > 0; }

void set_device(int device) {
  constinit thread_local int now = 0;  // where the runtime starts
  if (device == now) return;
  check(cudaSetDevice(device), "cudaSetDevice");
  now = device;
}

namespace {
// With the lock: `stream` goes on after the end of `earlier`.
void wait_in(cudaStream_t stream, Queue& earlier) {
  Queue* last = &earlier;
  while (!last->opens && last->after) last = last->after;
  if (last->opens) check(cudaEventRecord(last->end, last->stream), "cudaEventRecord");
  check(cudaStreamWaitEvent(stream, last->end, 0), "cudaStreamWaitEvent");
}
template <class F> void for_others(const Cuda& on, F visit) {
  const std::lock_guard lock(queues().mutex);
  for (auto& [key, queue] : queues().all) if (key.first == on.device && &queue != on.queue && queue.end) visit(queue);
}
}  // namespace

Queue& open_queue(int device, cudaStream_t stream) {
  const std::lock_guard lock(queues().mutex);
  Queue& queue = queues().all.try_emplace({device, stream}, Queue{device, stream}).first->second;
  if (!queue.end) check(cudaEventCreateWithFlags(&queue.end, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  else if (!queue.opens) wait_in(stream, queue);  // it may be another stream at the same address
  queue.after = nullptr;
  ++queue.opens;
  return queue;
}
void close(Queue& queue) {
  const std::lock_guard lock(queues().mutex);
  if (--queue.opens) return;
  set_device(queue.device);
  if (cudaEventRecord(queue.end, queue.stream) == cudaSuccess) return;
  cudaGetLastError();
  check(cudaStreamSynchronize(queue.stream), "cudaStreamSynchronize");  // no event says when its work ends: it ends here
}
bool is_closed(const Queue& queue) {
  const std::lock_guard lock(queues().mutex);
  return !queue.opens;
}
void wait_for(const Cuda& on, Queue& earlier) {
  if (&earlier == on.queue) return;
  const std::lock_guard lock(queues().mutex);
  wait_in(on.stream, earlier);
}
void wait_for_others(const Cuda& on) {
  for_others(on, [&](Queue& other) { if (other.opens || !other.after) wait_in(on.stream, other); });
}
void lead_others(const Cuda& on) {
  try {
    check(cudaEventRecord(on.queue->end, on.stream), "cudaEventRecord");
    for_others(on, [&](Queue& other) {
      if (other.opens) check(cudaStreamWaitEvent(other.stream, on.queue->end, 0), "cudaStreamWaitEvent");
      else other.after = on.queue;
    });
  } catch (...) {
    cudaStreamSynchronize(on.stream);  // what is written must not be used too early
    throw;
  }
}
void join(const Cuda& on, Storage& storage) {
  if (storage.queue && !recording()) wait_for(on, *storage.queue);
  storage.queue = on.queue;
}

Cuda cuda_context(int device) {
  if (device >= devices())
    throw Error("device cuda:" + std::to_string(device) + ": this machine has " + (devices() ? std::to_string(devices()) + (devices() == 1 ? " GPU" : " GPUs") : "no GPU, or no driver for it"));
  set_device(device);
  if (!current[device]) current[device] = &open_queue(device, nullptr);
  return {device, current[device]->stream, current[device]};
}

namespace {
int gpu(Device device, const char* what) {
  if (device == cpu) throw Error(std::string(what) + ": cpu has no streams");
  return device.index;
}
}  // namespace
Stream::Stream(Device device) : device_(device), handle_(nullptr) {
  cuda_context(gpu(device, "Stream"));
  check(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
}
Stream::~Stream() { if (handle_) cudaStreamDestroy(handle_); }

OnStream::OnStream(CUstream_st* stream, Device device) : device_(device) {
  cannot_record("works in another stream");
  before_ = cuda_context(gpu(device, "OnStream")).queue;
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  if (stream) check(cudaStreamIsCapturing(stream, &status), "cudaStreamIsCapturing");
  if (status != cudaStreamCaptureStatusNone) throw Error("OnStream: the program captures this stream, and replays would write to memory that has new owners by then; mica::capture records mica's work");
  queue_ = current[device.index] = &open_queue(device.index, stream);
}
OnStream::~OnStream() {
  current[device_.index] = before_;
  try { close(*queue_); } catch (const Error&) {}  // the device's next use tells
}
CUstream_st* current_stream(Device device) { return cuda_context(gpu(device, "current_stream")).stream; }
void synchronize(Device device) {
  if (device == cpu) return;
  cannot_record("waits for the device");
  const Cuda on = cuda_context(device.index);
  check(cudaStreamSynchronize(on.stream), "cudaStreamSynchronize");
  throw_fault(on);
}

}  // namespace mica
