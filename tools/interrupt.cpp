#include "mica/tools/interrupt.h"

#include <csignal>
#include <unistd.h>

namespace mica::tools {
namespace {

volatile std::sig_atomic_t caught = 0;

void on_signal(int signal) {
  if (caught) _exit(128 + signal);
  caught = signal;
}

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;  // a write of a checkpoint goes on
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return caught != 0; }
int interrupt_exit_code() { return caught ? 128 + caught : 0; }

}  // namespace mica::tools
