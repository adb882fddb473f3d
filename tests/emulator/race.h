#pragma once
#include <cstddef>
#include "mica/tests/emulator/clock.h"
#include "mica/tests/emulator/config.h"
// The race detector: what the rest of the emulated device tells it. Nothing happens in builds without it.
// It watches device and shared memory. It does not watch __device__ variables (mica's kernels take pointers) and pinned memory, and of the readers
// of 4 bytes it remembers two, of different threads where there are such: a write that is ordered behind both and races with a third is missed.
namespace mica::emulator {
struct Origin;
}
namespace mica::emulator::race {

// The task that runs from now on: a kernel or a copy, the count-th task of its stream, behind what `clock` knows.
void begin_task(uint32_t stream, uint32_t count, const Clock& clock, const Origin& origin);
void end_task();
void end_block();
void shared_declared(char* p, size_t bytes);
void allocated(char* begin, size_t total, char* p, size_t bytes);  // [begin, begin + total) with the red zones around [p, p + bytes)
void freed(char* p, size_t bytes);
void copied(const void* p, size_t bytes, bool write);              // by the task that runs
// An access of the thread that runs. code: where the program goes on after it.
void access(const void* p, size_t bytes, bool write, bool atomic, const void* code);

}  // namespace mica::emulator::race
