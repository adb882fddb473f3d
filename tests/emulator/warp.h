#pragma once
#include "mica/tests/emulator/collective.h"
#include "mica/tests/emulator/thread.h"
// What the lanes of a warp do together.
namespace mica::emulator {
int lane();
unsigned live_lanes();
void meet(uint32_t mask, Collective kind, const char* name, const Place& where);
uint64_t exchange(uint32_t mask, Collective kind, uint64_t value, int source, const char* name, const Place& where);
void set_lane_pointer(const void* p);  // what this lane shows the others; valid until they have met again
const void* lane_pointer(int lane);

template <class T> MICA_UNWATCHED uint64_t bits(const T& value) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>, "warp operations take values of at most 8 bytes");
  uint64_t result = 0;
  __builtin_memcpy(&result, &value, sizeof(T));
  return result;
}
template <class T> MICA_UNWATCHED T shuffle(uint32_t mask, T value, int source, const char* name, const Place& where) {
  const uint64_t result = exchange(mask, Collective::shuffle, bits(value), source, name, where);
  __builtin_memcpy(static_cast<void*>(&value), &result, sizeof(T));
  return value;
}
// Tree over the lanes of the mask's warp; every lane gets the result.
template <class T, class F> T reduce_lanes(uint32_t mask, T value, F f, const char* name, const Place& where) {
  T result = value;
  bool first = true;
  for (uint32_t rest = mask & live_lanes(); rest; rest &= rest - 1) {
    const T other = shuffle(mask, value, __builtin_ctz(rest), name, where);
    result = first ? other : f(result, other);
    first = false;
  }
  return result;
}
}  // namespace mica::emulator

inline void __syncwarp(unsigned mask = ~0u, mica::emulator::Place where = mica::emulator::Place::current()) {
  mica::emulator::meet(mask, mica::emulator::Collective::sync, "__syncwarp", where);
}
inline unsigned __activemask() { return mica::emulator::live_lanes(); }

template <class T> T __shfl_sync(unsigned mask, T value, int source, int width = 32, mica::emulator::Place where = mica::emulator::Place::current()) {
  const int base = mica::emulator::lane() & ~(width - 1);
  return mica::emulator::shuffle(mask, value, base | (source & (width - 1)), "__shfl_sync", where);
}
template <class T> T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, mica::emulator::Place where = mica::emulator::Place::current()) {
  const int lane = mica::emulator::lane();
  return mica::emulator::shuffle(mask, value, (lane & (width - 1)) < int(delta) ? lane : lane - int(delta), "__shfl_up_sync", where);
}
template <class T> T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, mica::emulator::Place where = mica::emulator::Place::current()) {
  const int lane = mica::emulator::lane();
  return mica::emulator::shuffle(mask, value, (lane & (width - 1)) + int(delta) >= width ? lane : lane + int(delta), "__shfl_down_sync", where);
}
template <class T> T __shfl_xor_sync(unsigned mask, T value, int bit, int width = 32, mica::emulator::Place where = mica::emulator::Place::current()) {
  const int lane = mica::emulator::lane(), source = lane ^ bit;
  // A lane of a later group is out of reach, one of an earlier group is not (CUDA C++ Programming Guide, 10.22).
  return mica::emulator::shuffle(mask, value, (source & ~(width - 1)) > (lane & ~(width - 1)) ? lane : source, "__shfl_xor_sync", where);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, mica::emulator::Place where = mica::emulator::Place::current()) {
  return unsigned(mica::emulator::exchange(mask, mica::emulator::Collective::ballot, predicate != 0, 0, "__ballot_sync", where)) & mask;
}
inline int __any_sync(unsigned mask, int predicate, mica::emulator::Place where = mica::emulator::Place::current()) {
  return mica::emulator::exchange(mask, mica::emulator::Collective::ballot, predicate != 0, 0, "__any_sync", where) != 0;
}
inline int __all_sync(unsigned mask, int predicate, mica::emulator::Place where = mica::emulator::Place::current()) {
  return mica::emulator::exchange(mask, mica::emulator::Collective::ballot, predicate == 0, 0, "__all_sync", where) == 0;
}
template <class T> unsigned __match_any_sync(unsigned mask, T value, mica::emulator::Place where = mica::emulator::Place::current()) {
  return unsigned(mica::emulator::exchange(mask, mica::emulator::Collective::match, mica::emulator::bits(value), 0, "__match_any_sync", where));
}
template <class T> T __reduce_add_sync(unsigned mask, T value, mica::emulator::Place where = mica::emulator::Place::current()) {
  return mica::emulator::reduce_lanes(mask, value, [](T a, T b) { return a + b; }, "__reduce_add_sync", where);
}
template <class T> T __reduce_min_sync(unsigned mask, T value, mica::emulator::Place where = mica::emulator::Place::current()) {
  return mica::emulator::reduce_lanes(mask, value, [](T a, T b) { return b < a ? b : a; }, "__reduce_min_sync", where);
}
template <class T> T __reduce_max_sync(unsigned mask, T value, mica::emulator::Place where = mica::emulator::Place::current()) {
  return mica::emulator::reduce_lanes(mask, value, [](T a, T b) { return a < b ? b : a; }, "__reduce_max_sync", where);
}
template <class T> T __reduce_or_sync(unsigned mask, T value, mica::emulator::Place where = mica::emulator::Place::current()) {
  return mica::emulator::reduce_lanes(mask, value, [](T a, T b) { return a | b; }, "__reduce_or_sync", where);
}
template <class T> T __reduce_and_sync(unsigned mask, T value, mica::emulator::Place where = mica::emulator::Place::current()) {
  return mica::emulator::reduce_lanes(mask, value, [](T a, T b) { return a & b; }, "__reduce_and_sync", where);
}
