#pragma once
#include "mica/cuda/gpu.h"
#include "mica/cuda/launch.h"
// Mistakes in data that only a kernel sees (an id out of range). The host does not wait for kernels, so the kernel leaves a note, goes on with
// something harmless, and the host throws at its next wait for the device: item, to_vector, a copy to the CPU, synchronize.
namespace mica {

struct Fault {
  int set;
  const char* op;      // the host's; the device passes it on
  const char* what;    // "id" gives: gather: id 12 is not in [0, 10)
  long long value, low, high;
};

Fault* fault_of(const Cuda& on);       // the device's, in host memory that kernels can write
void throw_fault(const Cuda& on);      // Error if there is one, which is then forgotten. For a host that has just waited for on.stream

// The first one stays. Called by a thread of a kernel.
__device__ inline void report(Fault* fault, const char* op, const char* what, long long value, long long low, long long high) {
  if (atomicCAS(&fault->set, 0, 1) == 0) {
    fault->op = op; fault->what = what;
    fault->value = value; fault->low = low; fault->high = high;
  }
}

}  // namespace mica
