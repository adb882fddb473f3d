#pragma once
#include <cstdint>
#include <functional>
#include <source_location>
#include <string>
#include <vector>
#include <vector_types.h>
#include "mica/tests/emulator/collective.h"
#include "mica/tests/emulator/fiber.h"
#include "mica/tests/emulator/guard.h"
#include "mica/tests/emulator/random.h"
#include "mica/tests/emulator/ring.h"
// One block of threads while it runs.
namespace mica::emulator {

using Place = std::source_location;

// A kernel's launch: how often `body` runs, and who asked for it.
struct Launch {
  uint3 grid, block;
  size_t shared_bytes;  // dynamic shared memory
  size_t shared_limit;  // with static shared memory
  std::function<void()> body;
  Place where;
};

struct AsyncCopy { void* to; const void* from; const void* code; uint32_t group; };  // 16 bytes; from nullptr: zeros

struct Thread {
  uint3 index;
  Fiber* fiber;         // where it waits
  const char* waits_in;
  Place where;
  bool fenced;          // it has called __threadfence since its last atomic
  uint32_t groups;      // of asynchronous copies that it has committed
  std::vector<AsyncCopy> copies;
};

// Lanes that wait for each other in an operation under one mask.
struct Meeting {
  uint32_t mask, arrived;
  Collective kind;
  Place first;
};

struct Warp {
  uint32_t live;                                            // lanes that have not returned
  std::vector<Meeting> meetings;
  uint64_t in[32], out[32];
  int source[32];
  const void* pointer[32];
  uint32_t syncs[32], seen[32][32];                          // race detector: a lane's __syncwarps, and how many of each other lane's it knows of
};

struct SharedRange { char* begin; size_t bytes; const char* name; };

// Each worker has one and runs its blocks through it, one after another. Threads start in a loop on one stack; when a thread waits, that stack,
// with the loop's frame below, stays parked as the thread's fiber and another stack goes on with the loop. So a kernel that never waits never
// switches, and kernels need no mark.
class Block {
 public:
  Block();
  ~Block();
  void run(const Launch& launch, uint64_t number);

  void barrier(const char* name, const Place& where);
  void meet(uint32_t mask, Collective kind, const char* name, const Place& where);
  void* shared(size_t bytes, size_t alignment, const char* name);  // a part of this block's shared memory, filled with NaN, with red zones
  [[noreturn]] void abandon();                               // ends the block where it stands
  static std::string thread_name(const Launch&, unsigned block, unsigned thread);  // "thread (3,0,0) of block (1,0,0)"
  std::string thread_name(unsigned thread) const { return thread_name(*launch, number, thread); }

  bool overflowed_at(const void* p) const { return fibers_.overflowed_at(p); }  // by a thread's stack

  bool in_shared(const void* p) const { return shared_begin && p >= shared_begin && p < shared_begin + shared_capacity; }
  Thread& now() { return threads_[running]; }
  Warp& warp() { return warps_[running / 32]; }
  Warp& warp_of(unsigned thread) { return warps_[thread / 32]; }

  // What device functions and the race detector read.
  unsigned running = 0, count = 0;                           // the thread that runs, by rank; threads in the block
  uint64_t serial = 0;                                       // of the block, in the process
  uint32_t number = 0, epoch = 0;                            // of the block, in the grid; barriers it has passed
  bool active = false;
  void* dynamic = nullptr;
  int votes[3] = {0, 1, 0}, results[2][3] = {};              // of __syncthreads_count, _and, _or; of the last two barriers
  const Launch* launch = nullptr;
  std::vector<SharedRange> shared_ranges;
  char* shared_begin = nullptr;
  static constexpr size_t shared_capacity = 512 << 10;

 private:
  static void entry();
  [[noreturn]] void loop();
  void start(unsigned thread);
  void finish(unsigned thread);
  void wait();
  unsigned next_ready();
  void release_barrier();
  void complete(Warp& warp, size_t meeting, unsigned warp_number);
  void report_deadlock();
  void* place_shared(size_t bytes, size_t alignment, const char* name);
  void end_shared();                                         // checks red zones, takes everything back
  void switch_to(Fiber& to);

  FaultStack fault_stack_;
  Fiber root_;
  Fiber* current_ = nullptr;
  Fibers fibers_{entry};
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::vector<unsigned> order_, waiting_;                    // threads as they start; threads at the barrier
  Ring ready_;
  Random random_;
  unsigned next_ = 0, done_ = 0, first_done_ = 0;
  size_t shared_used_ = 0, static_bytes_ = 0;
};

Block& block();            // of the calling worker
extern __thread Block* current_block;

}  // namespace mica::emulator
