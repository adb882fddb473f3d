#include <cstring>
#include "mica/tests/emulator/race.h"
// The functions that -fsanitize=thread puts before every access. ThreadSanitizer's own library is not linked: these take its place, and so every
// access of a kernel is seen without a mark in its source. The signatures are those of the compiler's built-ins.
#define MICA_CODE __builtin_return_address(0)
using mica::emulator::race::access;

extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit(void*) {}
void __tsan_vptr_update(void*, void*) {}
void __tsan_vptr_read(void*) {}

#define MICA_HOOKS(n)                                                                         \
  void __tsan_read##n(void* p) { access(p, n, false, false, MICA_CODE); }                     \
  void __tsan_write##n(void* p) { access(p, n, true, false, MICA_CODE); }                     \
  void __tsan_unaligned_read##n(void* p) { access(p, n, false, false, MICA_CODE); }           \
  void __tsan_unaligned_write##n(void* p) { access(p, n, true, false, MICA_CODE); }           \
  void __tsan_volatile_read##n(void* p) { access(p, n, false, false, MICA_CODE); }            \
  void __tsan_volatile_write##n(void* p) { access(p, n, true, false, MICA_CODE); }            \
  void __tsan_read_write##n(void* p) { access(p, n, false, false, MICA_CODE), access(p, n, true, false, MICA_CODE); }
MICA_HOOKS(1)
MICA_HOOKS(2)
MICA_HOOKS(4)
MICA_HOOKS(8)
MICA_HOOKS(16)

void __tsan_read_range(void* p, long bytes) { access(p, size_t(bytes), false, false, MICA_CODE); }
void __tsan_write_range(void* p, long bytes) { access(p, size_t(bytes), true, false, MICA_CODE); }
void* __tsan_memcpy(void* to, const void* from, size_t bytes) {
  access(from, bytes, false, false, MICA_CODE);
  access(to, bytes, true, false, MICA_CODE);
  return std::memcpy(to, from, bytes);
}
void* __tsan_memset(void* to, int value, size_t bytes) {
  access(to, bytes, true, false, MICA_CODE);
  return std::memset(to, value, bytes);
}

// The host's code in a kernel file counts references; kernels have no atomics of the compiler's (atomics.h), so these are not accesses of a kernel.
#define MICA_ATOMIC_HOOKS(bits, T)                                                                                                           \
  T __tsan_atomic##bits##_load(const volatile void* p, int) { return __atomic_load_n(static_cast<const volatile T*>(p), __ATOMIC_SEQ_CST); } \
  void __tsan_atomic##bits##_store(volatile void* p, T v, int) { __atomic_store_n(static_cast<volatile T*>(p), v, __ATOMIC_SEQ_CST); }       \
  T __tsan_atomic##bits##_exchange(volatile void* p, T v, int) { return __atomic_exchange_n(static_cast<volatile T*>(p), v, __ATOMIC_SEQ_CST); } \
  T __tsan_atomic##bits##_fetch_add(volatile void* p, T v, int) { return __atomic_fetch_add(static_cast<volatile T*>(p), v, __ATOMIC_SEQ_CST); } \
  T __tsan_atomic##bits##_fetch_sub(volatile void* p, T v, int) { return __atomic_fetch_sub(static_cast<volatile T*>(p), v, __ATOMIC_SEQ_CST); } \
  bool __tsan_atomic##bits##_compare_exchange_strong(volatile void* p, void* was, T v, int, int) {                                           \
    return __atomic_compare_exchange_n(static_cast<volatile T*>(p), static_cast<T*>(was), v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);     \
  }                                                                                                                                          \
  bool __tsan_atomic##bits##_compare_exchange_weak(volatile void* p, void* was, T v, int, int) {                                             \
    return __atomic_compare_exchange_n(static_cast<volatile T*>(p), static_cast<T*>(was), v, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);      \
  }
MICA_ATOMIC_HOOKS(8, unsigned char)
MICA_ATOMIC_HOOKS(32, unsigned int)
MICA_ATOMIC_HOOKS(64, unsigned long)
}
