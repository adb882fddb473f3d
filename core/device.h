#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace mica {

struct Device {
  enum Kind : uint8_t { Cpu, Cuda };
  Kind kind = Cpu;
  int index = 0;
  constexpr bool operator==(const Device&) const = default;
};

inline constexpr Device cpu{};
constexpr Device cuda(int index = 0) { return {Device::Cuda, index}; }

std::string to_string(Device);        // cpu, cuda:0
Device device_from(std::string_view);  // the inverse; auto is cuda:0 where this build and machine have one (the emulated one does not count), else cpu. Throws Error.
bool cuda_available();                // this build has CUDA and the machine a GPU

// Threads that CPU kernels use; the default is OMP_NUM_THREADS or the number of cores. Throws Error if n < 1.
int threads();
void set_threads(int n);

}  // namespace mica
