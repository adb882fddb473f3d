#pragma once
#include <cstddef>
#include <cstdint>
#if defined(__has_feature) && !defined(__SANITIZE_ADDRESS__)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1  // as g++ calls it
#endif
#endif
// How the emulated device behaves. A test sets what it needs; a whole run is set by the environment:
// MICA_EMULATOR_ORDER=forward|reverse|random:SEED, MICA_EMULATOR_WORKERS=N, MICA_EMULATOR_GUARD=1.
namespace mica::emulator {

// In which order the blocks of a grid, the threads of a block and the threads that wait for a turn run.
enum class Order { forward, reverse, random };

#ifdef MICA_EMULATOR_RACE
inline constexpr bool detects_races = true;  // kernels are compiled with the detector's hooks, and blocks run on one worker
#else
inline constexpr bool detects_races = false;
#endif
#ifdef __SANITIZE_ADDRESS__
inline constexpr bool address_sanitizer = true;
#else
inline constexpr bool address_sanitizer = false;
#endif

struct Config {
  Order order = Order::forward;
  uint64_t seed = 1;
  int workers = 2;
  bool lazy = true;    // a stream runs only when something waits for it
  bool guard = false;  // the host cannot touch device memory, nor pinned memory that a queued copy uses: it faults at once
  size_t memory = size_t(8) << 30, quarantine = size_t(32) << 20;  // bytes of the device; bytes kept from reuse after they are freed
};
Config& config();

// Puts the configuration back at the end of a scope.
struct ConfigScope {
  Config before = config();
  ~ConfigScope() { config() = before; }
};

}  // namespace mica::emulator
