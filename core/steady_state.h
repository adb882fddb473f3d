#pragma once
namespace mica {

// While one lives, the calling thread throws Error where work for a GPU would do something a steady training step must not: wait for the device
// (item, to_vector, a copy to the CPU), take memory from the driver, or give it back. The sentence names which. synchronize() is allowed: nothing
// about it is hidden.
class SteadyState {
 public:
  SteadyState();
  ~SteadyState();
  SteadyState(const SteadyState&) = delete;

 private:
  bool before_;
};

// For backends: about to do what a steady state has not. Throws Error("steady state: mica " + what) inside a SteadyState, and one of capture's inside
// a step that is recorded (capture.h), unless it can be recorded.
void hidden_work(const char* what, bool can_record = false);

}  // namespace mica
