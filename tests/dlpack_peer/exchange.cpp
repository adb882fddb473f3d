// What peer.py calls: a tensor of another library goes into mica and comes out again. Where mica refuses it the result is null, and the error's text
// is exchange_error().
#include <string>
#include "mica/core/dlpack.h"
#include "mica/core/ops/pointwise.h"

namespace {
std::string error;
template <class F> auto guarded(F f) -> decltype(f()) {
  try {
    return f();
  } catch (const mica::Error& e) {
    error = e.what();
    return nullptr;
  }
}
}  // namespace

extern "C" {
const char* exchange_error() { return error.c_str(); }
// The same memory.
DLManagedTensor* exchange(DLManagedTensor* x) {
  return guarded([&] { return mica::to_dlpack(mica::from_dlpack(x)); });
}
DLManagedTensorVersioned* exchange_versioned(DLManagedTensorVersioned* x) {
  return guarded([&] { return mica::to_dlpack_versioned(mica::from_dlpack(x)); });
}
// x + x, in memory of mica's.
DLManagedTensor* exchange_doubled(DLManagedTensor* x) {
  return guarded([&] { const mica::Tensor t = mica::from_dlpack(x); return mica::to_dlpack(mica::add(t, t)); });
}
}
