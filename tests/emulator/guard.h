#pragma once
namespace mica::emulator {

// From now on a fault in device memory, pinned memory or a kernel says what was touched, by which line, before the process ends as it would have.
void install_fault_handler();

// While one lives its thread has a stack for the handler, which cannot run on a stack that has overflowed.
class FaultStack {
 public:
  FaultStack();
  ~FaultStack();
  FaultStack(const FaultStack&) = delete;

 private:
  void* memory_ = nullptr;
};

}  // namespace mica::emulator
