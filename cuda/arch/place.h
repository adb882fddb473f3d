#pragma once
#include "mica/cuda/gpu.h"
namespace mica {

// The line of a call, for the emulated device's reports; nothing on a GPU.
#ifdef __CUDACC__
struct CallPlace {
  __host__ __device__ static constexpr CallPlace current() { return {}; }
};
#else
using CallPlace = emulator::Place;
#endif

}  // namespace mica
