#pragma once
#include <cstdint>
#include <source_location>
#include <type_traits>
#include "mica/tests/emulator/qualifiers.h"
// What a thread of a kernel sees of itself and its block.
namespace mica::emulator {
struct Extent {
  unsigned x, y, z;
  operator dim3() const { return dim3(x, y, z); }
};
using Place = std::source_location;

uint64_t block_serial();
unsigned thread_rank();
void* dynamic_shared();
void* shared_memory(size_t bytes, size_t alignment, const char* name);
void barrier(const char* name, const Place& where);
int barrier_vote(int vote, bool predicate, const char* name, const Place& where);  // vote: 0 count, 1 and, 2 or
void fence();
[[noreturn]] void trap(const char* what, const Place& where);

// Where a variable in shared memory lies for the block that runs.
struct SharedSlot { uint64_t serial; void* memory; };
MICA_UNWATCHED inline void* shared_slot(SharedSlot& slot, size_t bytes, size_t alignment, const char* name) {
  if (const auto serial = block_serial(); slot.serial != serial) slot = {serial, shared_memory(bytes, alignment, name)};
  return slot.memory;
}
}  // namespace mica::emulator

extern __thread uint3 threadIdx, blockIdx;
extern __thread mica::emulator::Extent blockDim, gridDim;
inline constexpr int warpSize = 32;

#define MICA_SHARED(T, name, ...)                                  \
  using name##_type = T __VA_ARGS__;                               \
  static __thread ::mica::emulator::SharedSlot name##_slot;        \
  name##_type& name = *static_cast<name##_type*>(::mica::emulator::shared_slot(name##_slot, sizeof(name##_type), alignof(name##_type), #name))
#define MICA_DYNAMIC_SHARED(T, name) T* const name = static_cast<T*>(::mica::emulator::dynamic_shared())

// The default argument is evaluated at the call: it tells the caller's line, and its column where two calls stand on one line.
inline void __syncthreads(mica::emulator::Place where = mica::emulator::Place::current()) { mica::emulator::barrier("__syncthreads", where); }
inline int __syncthreads_count(int predicate, mica::emulator::Place where = mica::emulator::Place::current()) {
  return mica::emulator::barrier_vote(0, predicate != 0, "__syncthreads_count", where);
}
inline int __syncthreads_and(int predicate, mica::emulator::Place where = mica::emulator::Place::current()) {
  return mica::emulator::barrier_vote(1, predicate != 0, "__syncthreads_and", where);
}
inline int __syncthreads_or(int predicate, mica::emulator::Place where = mica::emulator::Place::current()) {
  return mica::emulator::barrier_vote(2, predicate != 0, "__syncthreads_or", where);
}
inline void __threadfence() { mica::emulator::fence(); }
inline void __threadfence_system() { mica::emulator::fence(); }
inline void __threadfence_block() {}
[[noreturn]] inline void __trap(mica::emulator::Place where = mica::emulator::Place::current()) { mica::emulator::trap("__trap", where); }
