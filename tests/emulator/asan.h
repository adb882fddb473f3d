#pragma once
#include "mica/tests/emulator/config.h"
// What AddressSanitizer must be told; nothing in other builds.
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
namespace mica::emulator {
#ifdef __SANITIZE_ADDRESS__
inline void poison(const void* p, size_t bytes) { __asan_poison_memory_region(p, bytes); }
inline void unpoison(const void* p, size_t bytes) { __asan_unpoison_memory_region(p, bytes); }
// fake_stack nullptr: the stack that is left will not be used again.
inline void start_switch(void** fake_stack, const void* low, size_t bytes) { __sanitizer_start_switch_fiber(fake_stack, low, bytes); }
inline void finish_switch(void* fake_stack) { __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr); }
#else
inline void poison(const void*, size_t) {}
inline void unpoison(const void*, size_t) {}
inline void start_switch(void**, const void*, size_t) {}
inline void finish_switch(void*) {}
#endif
}  // namespace mica::emulator
