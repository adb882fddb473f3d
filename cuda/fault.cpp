#include "mica/cuda/fault.h"
#include <map>
#include <mutex>
#include <string>
#include "mica/cuda/queue.h"

namespace mica {
namespace {
struct Faults {
  std::mutex mutex;
  std::map<int, Fault*> of;  // by device
};
Faults& faults() { static Faults& f = *new Faults; return f; }
}  // namespace

Fault* fault_of(const Cuda& on) {
  const std::lock_guard lock(faults().mutex);
  Fault*& fault = faults().of[on.device];
  if (!fault) {
    set_device(on.device);
    check(cudaHostAlloc(reinterpret_cast<void**>(&fault), sizeof(Fault), cudaHostAllocMapped), "cudaHostAlloc");
    *fault = {};
  }
  return fault;  // with unified addressing the device's address is the host's
}
void throw_fault(const Cuda& on) {
  const std::lock_guard lock(faults().mutex);
  const auto found = faults().of.find(on.device);
  if (found == faults().of.end() || !found->second || !*const_cast<volatile int*>(&found->second->set)) return;
  const Fault f = *found->second;
  *found->second = {};
  throw Error(std::string(f.op) + ": " + f.what + " " + std::to_string(f.value) + " is not in [" + std::to_string(f.low) + ", " + std::to_string(f.high) +
              "). A kernel on cuda:" + std::to_string(on.device) + " found it; the host learns of it when it waits for the device");
}

}  // namespace mica
