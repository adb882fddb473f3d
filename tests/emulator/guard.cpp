#include "mica/tests/emulator/guard.h"
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <cstdio>
#include <new>
#include <string>
#include "mica/tests/emulator/arena.h"
#include "mica/tests/emulator/block.h"
#include "mica/tests/emulator/pinned.h"
#include "mica/tests/emulator/report.h"
namespace mica::emulator {
namespace {
struct sigaction before_us[2];
constexpr size_t fault_stack_bytes = 256 << 10;

// What the program was doing is wrong already: looking up lines and printing, which a handler should not, can do no harm.
void on_fault(int signal, siginfo_t* info, void* context) {
  const auto code = reinterpret_cast<const char*>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]) + 1;
  const char* p = static_cast<const char*>(info->si_addr);
  std::string text;
  if (current_block && current_block->active) {
    char address[32];
    std::snprintf(address, sizeof address, "%p", info->si_addr);
    text = Block::thread_name(*current_block->launch, current_block->number, current_block->running) + " of the kernel launched at " +
           place(current_block->launch->where) +
           (current_block->overflowed_at(p) ? " overflows its stack of " + std::to_string(fiber_stack_bytes >> 10) + " KiB"
                                            : " touches " + (arena().contains(p) ? arena().describe(p) : std::string("address ") + address)) +
           " at " + place(code);
  } else if (arena().contains(p)) {
    text = "the host touches device memory at " + place(code) + ": " + arena().describe(p);
  } else if (const auto use = pinned_use(p); !use.empty()) {
    text = "the host touches " + use + ", at " + place(code) + ": a synchronisation is missing";
  }
  if (!text.empty()) std::fprintf(stderr, "emulated device: fault: %s\n", text.c_str());
  sigaction(signal, &before_us[signal == SIGBUS], nullptr);  // the instruction faults again, into the handler that was there
}
}  // namespace

FaultStack::FaultStack() {
  stack_t has{};
  if (sigaltstack(nullptr, &has) || !(has.ss_flags & SS_DISABLE)) return;  // AddressSanitizer gives each thread one
  void* memory = mmap(nullptr, fault_stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ = memory;
  stack_t mine{};
  mine.ss_sp = memory;
  mine.ss_size = fault_stack_bytes;
  sigaltstack(&mine, nullptr);
}
FaultStack::~FaultStack() {
  if (!memory_) return;
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  sigaltstack(&none, nullptr);
  munmap(memory_, fault_stack_bytes);
}

void install_fault_handler() {
  static const bool once = [] {
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, &before_us[0]);
    sigaction(SIGBUS, &action, &before_us[1]);
    return true;
  }();
  (void)once;
}

}  // namespace mica::emulator
