#pragma once
#include <cstdint>
namespace mica::emulator {

// SplitMix64 (Steele, Lea, Flood 2014): the random orders.
struct Random {
  uint64_t state = 0;
  uint64_t operator()() {
    uint64_t z = (state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  unsigned below(unsigned n) { return unsigned(operator()() % n); }
};

}  // namespace mica::emulator
