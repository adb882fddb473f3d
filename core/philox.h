#pragma once
#include <array>
#include <cstdint>
#include "mica/core/math.h"

namespace mica {

// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"): four random words for each (seed, call,
// block). The same on every device and for any number of threads. Element i of a random tensor uses word i % 4 of block i / 4.
struct Philox {
  uint32_t word[4];
};
MICA_FORMULA Philox philox(uint64_t seed, uint64_t call, uint64_t block) {
  uint32_t a = uint32_t(block), b = uint32_t(block >> 32), c = uint32_t(call), d = uint32_t(call >> 32), k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p = uint64_t(0xD2511F53u) * a, q = uint64_t(0xCD9E8D57u) * c;
    a = uint32_t(q >> 32) ^ b ^ k0; b = uint32_t(q);
    c = uint32_t(p >> 32) ^ d ^ k1; d = uint32_t(p);
    k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
  }
  return {{a, b, c, d}};
}
// [0, 1) with 24 bits, exact in float.
MICA_FORMULA float uniform_from(uint32_t word) { return float(word >> 8) * 0x1p-24f; }

}  // namespace mica
