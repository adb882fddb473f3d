#pragma once
#include <cstddef>
#include <memory>
#include <vector>
#include "mica/tests/emulator/config.h"
// Stacks that take turns on one thread of the CPU. A switch is six pushes, six pops and a return: 5 to 15 ns, where swapcontext, which asks the
// kernel for the signal mask, takes 300 to 400.
namespace mica::emulator {

inline constexpr size_t fiber_stack_bytes = (address_sanitizer ? 256 : 64) << 10;

struct Fiber {
  void* stack_pointer = nullptr;
  char* low = nullptr;  // the stack's lowest byte and its size: AddressSanitizer wants them
  size_t bytes = 0;
  void* fake_stack = nullptr;
};

// Goes on with `to`; returns when somebody switches back to `from`.
void switch_fiber(Fiber& from, Fiber& to);
// Goes on with `to` for good: nobody comes back.
[[noreturn]] void leave_fiber(Fiber& to);
// The stack this function was called on, as a fiber to come back to.
Fiber thread_fiber();

// The fibers of one worker, made when first needed and used again. Below each lies a guard: a kernel that overflows its stack faults.
class Fibers {
 public:
  explicit Fibers(void (*entry)()) : entry_(entry) {}
  ~Fibers();
  Fibers(const Fibers&) = delete;
  bool overflowed_at(const void* p) const;  // p lies in the guard of one of the stacks
  Fiber& take();                        // one that stands at its entry, or where it was when it was given back
  void give(Fiber& f) { free_.push_back(&f); }
  void abandon_all();                   // all of them stand at their entry again; what ran on them is forgotten

 private:
  void prepare(Fiber& f, size_t number);
  void (*entry_)();
  std::vector<std::unique_ptr<Fiber>> all_;
  std::vector<Fiber*> free_;
};

}  // namespace mica::emulator
