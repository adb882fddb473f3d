#include "mica/tests/emulator/block_size.h"
#include <algorithm>
#include <string>
#include "mica/tests/emulator/block.h"
#include "mica/tests/emulator/report.h"
namespace mica::emulator {

void expect_threads(unsigned threads, const char* name, const Place& where) {
  if (current_block->count == threads) return;
  report("block size", place(where), std::string(name) + " at " + place(where) + " is compiled for " + std::to_string(threads) + " threads, and the kernel launched at " +
                                         place(current_block->launch->where) + " has blocks of " + std::to_string(current_block->count));
  current_block->abandon();
}

unsigned existing_lanes() {
  const unsigned n = std::min(32u, current_block->count - current_block->running / 32 * 32);
  return n == 32 ? ~0u : (1u << n) - 1;
}

}  // namespace mica::emulator
