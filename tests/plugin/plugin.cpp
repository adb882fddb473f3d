// A library that uses mica and that a program opens while it runs: host.cpp.
#include "mica/core/ops/reduce.h"

// The sum of n ones, taken on the device; -1 where that device is not there.
extern "C" double plugin_sum(int n, bool gpu) {
  if (gpu && !mica::cuda_available()) return -1;
  return mica::sum(mica::ones({n}, {mica::f32, gpu ? mica::cuda() : mica::cpu})).item();
}
