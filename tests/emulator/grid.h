#pragma once
#include "mica/tests/emulator/block.h"
namespace mica::emulator {

// Runs all blocks of a launch, on Config::workers threads of the CPU.
void run_grid(const Launch& launch);
// A block was ended before its threads had returned.
void device_failed();
bool take_device_failure();  // whether one was since the last call

}  // namespace mica::emulator
