#include "mica/core/recorder.h"
#include <string>
#include <utility>
#include "mica/core/error.h"

namespace mica {
namespace {
constinit thread_local Recorder* current = nullptr;
}
Recorder* recording() { return current; }
RecorderScope::RecorderScope(Recorder* recorder) : before_(std::exchange(current, recorder)) {}
RecorderScope::~RecorderScope() { current = before_; }
void cannot_record(const char* what) {
  if (current) throw Error(std::string("capture: the step ") + what + ", which a recorded step cannot do again");
}

}  // namespace mica
