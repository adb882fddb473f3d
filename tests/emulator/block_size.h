#pragma once
#include "mica/tests/emulator/thread.h"
namespace mica::emulator {

// Reports a block that has another number of threads than the code was compiled for.
void expect_threads(unsigned threads, const char* name, const Place& where);
// The lanes of the running warp that exist: the last warp of a block may be a part of one.
unsigned existing_lanes();

}  // namespace mica::emulator
