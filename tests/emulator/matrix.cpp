#include "mica/tests/emulator/matrix.h"
#include "mica/tests/emulator/block.h"
#include "mica/tests/emulator/report.h"
namespace mica::emulator {

void expect_matrix_row(const void* row, const char* name, const Place& where) {
  Block& b = *current_block;
  const bool aligned = reinterpret_cast<uintptr_t>(row) % 16 == 0;
  if (aligned && b.in_shared(row)) return;
  report(aligned ? name : "misaligned address", place(where),
         b.thread_name(b.running) + " calls " + name + " at " + place(where) + " with an address that is " + (aligned ? "not in shared memory" : "no multiple of 16"));
  b.abandon();
}

}  // namespace mica::emulator
