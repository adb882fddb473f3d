#pragma once
#include <utility>
#include "mica/core/context.h"
// Which stream of a GPU work goes to. Tensors may be used in any stream: mica makes it wait for what others have been given to do with them.
namespace mica {

// A stream of mica's own, which does not wait for the default stream. Throws Error if this build or machine has no such device.
class Stream {
 public:
  explicit Stream(Device device = cuda());
  Stream(Stream&& other) noexcept : device_(other.device_), handle_(std::exchange(other.handle_, nullptr)) {}
  Stream& operator=(Stream&&) = delete;
  ~Stream();                       // after its work
  CUstream_st* handle() const { return handle_; }  // a cudaStream_t
  Device device() const { return device_; }

 private:
  Device device_;
  CUstream_st* handle_;
};

// While one lives, the calling thread's work on `device` goes to that stream: one of mica's, or any cudaStream_t (nullptr: the default stream, which
// is also where work goes otherwise; one that is being captured is refused: capture.h). Nothing waits when it ends. The stream must live as long, but
// need not live longer, even where tensors do.
class OnStream {
 public:
  explicit OnStream(CUstream_st* stream, Device device = cuda());
  explicit OnStream(const Stream& stream) : OnStream(stream.handle(), stream.device()) {}
  ~OnStream();
  OnStream(const OnStream&) = delete;

 private:
  Device device_;
  Queue *queue_, *before_;
};

CUstream_st* current_stream(Device device = cuda());  // a cudaStream_t
// Waits for the calling thread's stream on the device, and throws what kernels there have found wrong (an id out of range). On the CPU: nothing.
void synchronize(Device device = cuda());

}  // namespace mica
