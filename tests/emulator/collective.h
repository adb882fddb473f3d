#pragma once
#include <cstdint>
namespace mica::emulator {
// What the lanes of a warp do together.
enum class Collective : uint8_t { sync, shuffle, ballot, match, exchange };
}  // namespace mica::emulator
