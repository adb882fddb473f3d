#include "mica/core/stream.h"
#include "mica/core/error.h"
#if !MICA_HAS_CUDA
namespace mica {
namespace {
[[noreturn]] void no_cuda() { throw Error("this build has no CUDA"); }
}  // namespace
Stream::Stream(Device device) : device_(device), handle_(nullptr) { no_cuda(); }
Stream::~Stream() = default;
OnStream::OnStream(CUstream_st*, Device device) : device_(device), queue_(nullptr), before_(nullptr) { no_cuda(); }
OnStream::~OnStream() = default;
CUstream_st* current_stream(Device) { no_cuda(); }
void synchronize(Device device) { if (device != cpu) no_cuda(); }
}  // namespace mica
#endif
