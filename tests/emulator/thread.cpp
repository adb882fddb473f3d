#include "mica/tests/emulator/thread.h"
#include "mica/tests/emulator/block.h"
#include "mica/tests/emulator/report.h"
#include "mica/tests/emulator/warp.h"
// The functions of thread.h and warp.h, which kernels are compiled against, on the block that runs.
namespace mica::emulator {

uint64_t block_serial() { return current_block->serial; }
unsigned thread_rank() { return current_block->running; }
void* shared_memory(size_t bytes, size_t alignment, const char* name) { return current_block->shared(bytes, alignment, name); }
void barrier(const char* name, const Place& where) { current_block->barrier(name, where); }
void fence() { current_block->now().fenced = true; }

void* dynamic_shared() {
  Block& b = *current_block;
  if (!b.dynamic)
    report("shared memory", place(b.launch->where), "the kernel launched at " + place(b.launch->where) + " uses dynamic shared memory, and was given none");
  return b.dynamic;
}

int barrier_vote(int vote, bool predicate, const char* name, const Place& where) {
  Block& b = *current_block;
  const auto result = b.results[b.epoch % 2];  // no thread is two barriers ahead
  b.votes[0] += predicate;
  b.votes[1] &= predicate;
  b.votes[2] |= predicate;
  b.barrier(name, where);
  return result[vote];
}

void trap(const char* what, const Place& where) {
  Block& b = *current_block;
  report("trap", place(where), b.thread_name(b.running) + " reached " + what + " at " + place(where) + "; the block was ended");
  b.abandon();
}

void meet(uint32_t mask, Collective kind, const char* name, const Place& where) { current_block->meet(mask, kind, name, where); }
unsigned live_lanes() { return current_block->warp().live; }
int lane() { return int(current_block->running % 32); }
uint64_t exchange(uint32_t mask, Collective kind, uint64_t value, int source, const char* name, const Place& where) {
  Block& b = *current_block;
  Warp& w = b.warp();
  const auto lane = b.running % 32;
  w.in[lane] = value;
  w.source[lane] = source;
  b.meet(mask, kind, name, where);
  return w.out[lane];
}
void set_lane_pointer(const void* p) { current_block->warp().pointer[current_block->running % 32] = p; }
const void* lane_pointer(int lane) { return current_block->warp().pointer[lane]; }

}  // namespace mica::emulator
