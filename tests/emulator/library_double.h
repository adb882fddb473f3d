#pragma once
#include <cuda_runtime.h>
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include "mica/core/dtype.h"
#include "mica/tests/emulator/runtime.h"
// What the doubles of cuBLASLt and cuDNN have in common. They compute in double and round once, and are strict: what the library's documentation
// does not allow is refused, and reported where it is a mistake of the caller. Their work is queued like a kernel's. They prove the host code around
// them, not the libraries.
namespace mica::emulator {

// A call of a library's function: counted, and made to fail where a test asked for it. Status is the library's.
template <class Status, class F> Status counted(const char* function, F body) {
  const std::lock_guard lock(runtime_mutex());
  if (const auto error = injected(function)) return Status(*error);
  return body();
}

// Memory that a call reads or writes.
struct Span {
  const void* p;
  size_t bytes;
  bool write = false;
};

// A report: the caller has misused a library.
void misuse(const char* function, const std::string& what);
// Whether all spans are device memory; reports those that are not.
bool check_spans(const char* function, const std::vector<Span>& spans);
// Queues a call that checked its spans; workspace, if there is one, is filled with NaN first. code: who called.
cudaError_t queue(cudaStream_t stream, const char* function, const void* code, std::vector<Span> spans, std::function<void()> run, Span workspace = {nullptr, 0});

double element(const void* p, DType type, int64_t i);
void set_element(void* p, DType type, int64_t i, double value);  // rounds once, to nearest even
double rounded(DType type, double value);                        // to the type and back
double tf32(double value);                                       // a float as TF32 hardware reads it: 10 bits of mantissa
std::vector<double> elements(const void* p, DType type, int64_t n);

// Handles and descriptors that a program has created and not destroyed, of all kinds. Own is the double's object behind the library's opaque type.
size_t& library_objects();
template <class Opaque, class Own> class Objects {
 public:
  Opaque* create() {
    ++library_objects();
    return reinterpret_cast<Opaque*>(all_.emplace_back(std::make_unique<Own>()).get());
  }
  Own* find(const Opaque* handle) const {  // nullptr if it was destroyed, or is none
    const auto found = place(handle);
    return found == all_.end() ? nullptr : found->get();
  }
  bool destroy(const Opaque* handle) {
    const auto found = place(handle);
    if (found == all_.end()) return false;
    --library_objects();
    all_.erase(found);
    return true;
  }

 private:
  auto place(const Opaque* handle) const {
    return std::find_if(all_.begin(), all_.end(), [&](const auto& o) { return o.get() == reinterpret_cast<const Own*>(handle); });
  }
  std::vector<std::unique_ptr<Own>> all_;
};

}  // namespace mica::emulator
