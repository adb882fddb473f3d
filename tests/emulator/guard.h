#pragma once
namespace mica::emulator {

// From now on a fault in device memory, pinned memory or a kernel says what was touched, by which line, before the process ends as it would have.
void install_fault_handler();

}  // namespace mica::emulator
