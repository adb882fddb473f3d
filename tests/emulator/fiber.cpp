#include "mica/tests/emulator/fiber.h"
#include <pthread.h>
#include <sys/mman.h>
#include <cstdint>
#include <new>
#include "mica/tests/emulator/asan.h"

// Keeps what the calling convention says a function keeps, on the stack.
extern "C" void mica_emulator_switch(void** save, void* load);
asm(R"(.text
.globl mica_emulator_switch
.hidden mica_emulator_switch
.type mica_emulator_switch,@function
mica_emulator_switch:
  pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
  ret
.size mica_emulator_switch,.-mica_emulator_switch
)");

namespace mica::emulator {
namespace {
constexpr size_t page = 4096, guard = 1 << 20, stack_bytes = fiber_stack_bytes;  // a large variable must not reach across the guard
constexpr size_t colours = 61;  // tops of stacks a whole number of pages apart would share one set of the cache: switches would take three times as long
}  // namespace

void switch_fiber(Fiber& from, Fiber& to) {
  start_switch(&from.fake_stack, to.low, to.bytes);
  mica_emulator_switch(&from.stack_pointer, to.stack_pointer);
  finish_switch(from.fake_stack);
}

void leave_fiber(Fiber& to) {
  start_switch(nullptr, to.low, to.bytes);  // frees the fake stack
  void* gone;
  mica_emulator_switch(&gone, to.stack_pointer);
  __builtin_unreachable();
}

Fiber thread_fiber() {
  Fiber result;
  pthread_attr_t attributes;
  void* low;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &low, &result.bytes);
  pthread_attr_destroy(&attributes);
  result.low = static_cast<char*>(low);
  return result;
}

void Fibers::prepare(Fiber& f, size_t number) {
  unpoison(f.low, stack_bytes + page);
  f.bytes = stack_bytes + page - 64 * (number % colours);
  f.fake_stack = nullptr;
  auto top = reinterpret_cast<void**>(f.low + f.bytes);
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(entry_);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  f.stack_pointer = top;
}

Fiber& Fibers::take() {
  if (!free_.empty()) {
    Fiber& f = *free_.back();
    free_.pop_back();
    return f;
  }
  void* memory = mmap(nullptr, guard + stack_bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mprotect(memory, guard, PROT_NONE);
  auto f = std::make_unique<Fiber>();
  f->low = static_cast<char*>(memory) + guard;
  prepare(*f, all_.size());
  all_.push_back(std::move(f));
  return *all_.back();
}

void Fibers::abandon_all() {
  free_.clear();
  for (size_t i = 0; i < all_.size(); ++i) {
    prepare(*all_[i], i);
    free_.push_back(all_[i].get());
  }
}

bool Fibers::overflowed_at(const void* p) const {
  for (auto& f : all_)
    if (p >= f->low - guard && p < f->low) return true;
  return false;
}

Fibers::~Fibers() {
  for (auto& f : all_) {
    unpoison(f->low, stack_bytes + page);
    munmap(f->low - guard, guard + stack_bytes + page);
  }
}

}  // namespace mica::emulator
