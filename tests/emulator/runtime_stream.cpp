#include <memory>
#include <vector>
#include "mica/tests/emulator/capture.h"
#include "mica/tests/emulator/grid.h"
#include "mica/tests/emulator/runtime.h"
// Streams and events.
using namespace mica::emulator;

namespace mica::emulator {
namespace {
std::vector<std::unique_ptr<Event>>& all_events() {
  static auto& result = *new std::vector<std::unique_ptr<Event>>;
  return result;
}
cudaError_t finished() { return take_device_failure() ? cudaErrorLaunchFailure : cudaSuccess; }

cudaError_t waited(Stream& s) {  // the host cannot wait for what is only written down
  if (!s.capture) return cudaSuccess;
  s.capture->invalid = true;
  return cudaErrorStreamCaptureUnsupported;
}
}  // namespace

Event* event_of(cudaEvent_t handle) {
  for (const auto& e : all_events())
    if (e.get() == reinterpret_cast<Event*>(handle)) return e.get();
  return nullptr;
}
size_t events() { return all_events().size(); }
void forget_capture(const Capture& c) {
  for (auto& e : all_events()) if (e->capture == &c) e->capture = nullptr;
}
}  // namespace mica::emulator

extern "C" {
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return call(__func__, [&] {
    if (flags > cudaStreamNonBlocking) return cudaErrorInvalidValue;
    *stream = reinterpret_cast<cudaStream_t>(create_stream(flags != cudaStreamNonBlocking));
    return cudaSuccess;
  });
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) { return cudaStreamCreateWithFlags(stream, flags); }
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return call(__func__, [&] {
    Stream* s = stream_of(stream);
    if (!s || s == stream_of(nullptr)) return cudaErrorInvalidResourceHandle;
    if (const auto error = waited(*s)) return error;
    destroy_stream(s);
    return cudaSuccess;
  });
}
cudaError_t cudaStreamGetFlags(cudaStream_t stream, unsigned* flags) {
  return call(__func__, [&] {
    const Stream* s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    *flags = s->blocking ? cudaStreamDefault : cudaStreamNonBlocking;
    return cudaSuccess;
  });
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return call(__func__, [&] {
    Stream* s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (const auto error = waited(*s)) return error;
    finish(*s);
    return finished();
  });
}
// The first time there is something left it is run and called not ready, so that a loop that asks until it is ends.
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return call(__func__, [&] {
    Stream* s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (const auto error = waited(*s)) return error;
    const bool ready = idle(*s);
    finish(*s);
    return ready ? finished() : cudaErrorNotReady;
  });
}
cudaError_t cudaDeviceSynchronize() {
  return call(__func__, [&] {
    if (const auto error = refuse_capture()) return error;
    finish_all();
    return finished();
  });
}
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  const Origin origin{__func__, __builtin_return_address(0)};
  return call(__func__, [&] {
    Stream* s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    Task task{origin, [=] { function(data); }};
    task.host = true;
    return enqueue(*s, std::move(task));
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return call(__func__, [&] {
    if (flags & ~unsigned(cudaEventBlockingSync | cudaEventDisableTiming)) return cudaErrorInvalidValue;
    auto& e = all_events().emplace_back(std::make_unique<Event>());
    e->timed = !(flags & cudaEventDisableTiming);
    *event = reinterpret_cast<cudaEvent_t>(e.get());
    return cudaSuccess;
  });
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return call(__func__, [&] {
    const Event* e = event_of(event);
    if (!e) return cudaErrorInvalidResourceHandle;
    std::erase_if(all_events(), [e](auto& other) { return other.get() == e; });
    return cudaSuccess;
  });
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Origin origin{__func__, __builtin_return_address(0)};
  return call(__func__, [&] {
    Event* e = event_of(event);
    Stream* s = stream_of(stream);
    if (!e || !s) return cudaErrorInvalidResourceHandle;
    e->captured = s->capture;
    e->capture = s->capture;
    if (s->capture) {
      e->nodes = s->captured;
      return cudaSuccess;
    }
    auto point = point_in(*s);
    e->point = point;
    return enqueue(*s, {origin, {}, {}, {}, point});
  });
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  const Origin origin{__func__, __builtin_return_address(0)};
  return call(__func__, [&] {
    Event* e = event_of(event);
    Stream* s = stream_of(stream);
    if (!e || !s) return cudaErrorInvalidResourceHandle;
    if (flags) return cudaErrorInvalidValue;
    if (e->captured) {
      if (!e->capture) return cudaErrorCapturedEvent;
      if (s->capture && s->capture != e->capture) return cudaErrorStreamCaptureMerge;
      join_capture(*s, *e);
      return cudaSuccess;
    }
    if (s->capture && e->point) {
      s->capture->invalid = true;
      return cudaErrorStreamCaptureIsolation;
    }
    if (!e->point) return cudaSuccess;  // never recorded: nothing to wait for
    return enqueue(*s, {origin, {}, {e->point}});
  });
}
// Both are among the calls that a capture of this thread, or a global one of another, forbids.
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return call(__func__, [&] {
    Event* e = event_of(event);
    if (!e) return cudaErrorInvalidResourceHandle;
    if (const auto error = refuse_capture()) return error;
    if (e->captured) return cudaErrorCapturedEvent;
    if (e->point) finish(e->point);
    return finished();
  });
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  return call(__func__, [&] {
    Event* e = event_of(event);
    if (!e) return cudaErrorInvalidResourceHandle;
    if (const auto error = refuse_capture()) return error;
    if (e->captured) return cudaErrorCapturedEvent;
    if (!e->point) return cudaSuccess;
    const bool ready = e->point->reached;
    finish(e->point);
    return ready ? finished() : cudaErrorNotReady;
  });
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  return call(__func__, [&] {
    Event *a = event_of(from), *b = event_of(to);
    if (!a || !b || !a->timed || !b->timed || !a->point || !b->point) return cudaErrorInvalidResourceHandle;
    if (!a->point->reached || !b->point->reached) return cudaErrorNotReady;
    *milliseconds = std::chrono::duration<float, std::milli>(b->point->time - a->point->time).count();
    return cudaSuccess;
  });
}
}
