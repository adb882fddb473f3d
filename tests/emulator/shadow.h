#pragma once
#include <cstddef>
#include <cstdint>
// What the race detector remembers of each 4 bytes of device and shared memory.
namespace mica::emulator::race {

struct Access {
  uint32_t task;         // 0: none
  uint32_t block, epoch;  // the block, and how many barriers it had passed
  uint32_t sync;          // how many __syncwarps the lane had passed
  uint16_t thread;
  uint8_t bytes;          // which of the 4, as bits
  bool write : 1, atomic : 1;
  const void* code;       // where a kernel's access is; nullptr for a copy
};

struct Cell {
  Access write, reads[2];
  uint8_t addressable, initialised;  // bytes, as bits
  bool freed;
};

Cell& shadow_cell(const char* p);
void shadow_reset(char* p, size_t bytes, bool addressable);  // nobody has touched these bytes yet
void shadow_freed(char* p, size_t bytes);

}  // namespace mica::emulator::race
