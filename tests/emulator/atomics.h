#pragma once
#include "mica/tests/emulator/thread.h"
// Atomic read-modify-write: blocks of one grid run on several threads of the CPU.
namespace mica::emulator {
void atomic_access(const void* p, size_t bytes, const void* code);  // for the race detector

#ifdef MICA_EMULATOR_RACE  // a function of its own: inlined into a kernel it would be watched
#define MICA_ATOMIC MICA_UNWATCHED __attribute__((noinline))
#else
#define MICA_ATOMIC __attribute__((always_inline)) inline
#endif
template <class T, class F> MICA_ATOMIC T read_modify_write(T* p, F f) {
  using Word = std::conditional_t<sizeof(T) == 8, uint64_t, std::conditional_t<sizeof(T) == 4, uint32_t, uint16_t>>;
  static_assert(sizeof(T) == sizeof(Word));
  T before;
#ifdef MICA_EMULATOR_RACE  // one worker: plain accesses do, and no __tsan_atomic is emitted
  atomic_access(p, sizeof(T), __builtin_return_address(0));
  __builtin_memcpy(static_cast<void*>(&before), static_cast<const void*>(p), sizeof(T));
  const T after = f(before);
  __builtin_memcpy(static_cast<void*>(p), static_cast<const void*>(&after), sizeof(T));
#else
  Word* word = reinterpret_cast<Word*>(p);
  Word old = __atomic_load_n(word, __ATOMIC_RELAXED), fresh;
  do {
    __builtin_memcpy(static_cast<void*>(&before), &old, sizeof(T));
    const T after = f(before);
    __builtin_memcpy(&fresh, static_cast<const void*>(&after), sizeof(T));
  } while (!__atomic_compare_exchange_n(word, &old, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
#endif
  return before;
}

template <class T> concept AtomicInteger = std::is_same_v<T, int> || std::is_same_v<T, unsigned> || std::is_same_v<T, unsigned long long>;
template <class T> concept AtomicNumber = AtomicInteger<T> || std::is_same_v<T, float> || std::is_same_v<T, double>;
template <class T> concept AtomicHalf =
    std::is_same_v<T, __half> || std::is_same_v<T, __nv_bfloat16>;
template <class T> concept AtomicPair = std::is_same_v<T, __half2> || std::is_same_v<T, __nv_bfloat162>;
}  // namespace mica::emulator

template <mica::emulator::AtomicNumber T> __forceinline__ T atomicAdd(T* p, std::type_identity_t<T> value) {
  return mica::emulator::read_modify_write(p, [value](T old) MICA_UNWATCHED { return T(old + value); });
}
template <mica::emulator::AtomicHalf T> __forceinline__ T atomicAdd(T* p, T value) {
  return mica::emulator::read_modify_write(p, [value](T old) MICA_UNWATCHED { return T(float(old) + float(value)); });
}
template <mica::emulator::AtomicPair T> __forceinline__ T atomicAdd(T* p, T value) {
  return mica::emulator::read_modify_write(p, [value](T old) MICA_UNWATCHED { return __hadd2(old, value); });
}
template <mica::emulator::AtomicNumber T> __forceinline__ T atomicExch(T* p, std::type_identity_t<T> value) {
  return mica::emulator::read_modify_write(p, [value](T) MICA_UNWATCHED { return value; });
}
template <mica::emulator::AtomicInteger T> __forceinline__ T atomicSub(T* p, std::type_identity_t<T> value) {
  return mica::emulator::read_modify_write(p, [value](T old) MICA_UNWATCHED { return T(old - value); });
}
template <mica::emulator::AtomicInteger T> __forceinline__ T atomicMax(T* p, std::type_identity_t<T> value) {
  return mica::emulator::read_modify_write(p, [value](T old) MICA_UNWATCHED { return old < value ? value : old; });
}
template <mica::emulator::AtomicInteger T> __forceinline__ T atomicMin(T* p, std::type_identity_t<T> value) {
  return mica::emulator::read_modify_write(p, [value](T old) MICA_UNWATCHED { return value < old ? value : old; });
}
template <mica::emulator::AtomicInteger T> __forceinline__ T atomicAnd(T* p, std::type_identity_t<T> value) {
  return mica::emulator::read_modify_write(p, [value](T old) MICA_UNWATCHED { return old & value; });
}
template <mica::emulator::AtomicInteger T> __forceinline__ T atomicOr(T* p, std::type_identity_t<T> value) {
  return mica::emulator::read_modify_write(p, [value](T old) MICA_UNWATCHED { return old | value; });
}
template <mica::emulator::AtomicInteger T> __forceinline__ T atomicXor(T* p, std::type_identity_t<T> value) {
  return mica::emulator::read_modify_write(p, [value](T old) MICA_UNWATCHED { return old ^ value; });
}
template <mica::emulator::AtomicInteger T> __forceinline__ T atomicCAS(T* p, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  return mica::emulator::read_modify_write(p, [=](T old) MICA_UNWATCHED { return old == expected ? value : old; });
}
__forceinline__ unsigned short atomicCAS(unsigned short* p, unsigned short expected, unsigned short value) {
  return mica::emulator::read_modify_write(p, [=](unsigned short old) MICA_UNWATCHED { return old == expected ? value : old; });
}
__forceinline__ unsigned atomicInc(unsigned* p, unsigned last) {
  return mica::emulator::read_modify_write(p, [=](unsigned old) MICA_UNWATCHED { return old >= last ? 0u : old + 1; });
}

// With the host, in mapped memory: a read-modify-write is one for the whole machine.
template <class T> __forceinline__ T atomicAdd_system(T* p, std::type_identity_t<T> value) { return atomicAdd(p, value); }
template <class T> __forceinline__ T atomicExch_system(T* p, std::type_identity_t<T> value) { return atomicExch(p, value); }
template <class T> __forceinline__ T atomicCAS_system(T* p, std::type_identity_t<T> expected, std::type_identity_t<T> value) { return atomicCAS(p, expected, value); }
template <class T> __forceinline__ T atomicOr_system(T* p, std::type_identity_t<T> value) { return atomicOr(p, value); }
template <class T> __forceinline__ T atomicMax_system(T* p, std::type_identity_t<T> value) { return atomicMax(p, value); }
