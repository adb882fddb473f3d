#pragma once
#include "mica/core/kernels.h"
namespace mica {

// Device memory of a call that is being queued. It goes back when the call is queued: the allocator hands it out in the order of the stream.
class Workspace {
 public:
  Workspace(const Cuda& on, size_t bytes) : on_(on), bytes_(bytes), data_(bytes ? acquire(on, bytes) : nullptr) {}
  ~Workspace() { if (data_) release(on_, data_, bytes_); }
  Workspace(const Workspace&) = delete;
  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  Cuda on_;
  size_t bytes_;
  void* data_;
};

}  // namespace mica
