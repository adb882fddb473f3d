#include "mica/core/steady_state.h"
#include <string>
#include "mica/core/error.h"
#include "mica/core/recorder.h"

namespace mica {
namespace {
constinit thread_local bool steady = false;
}
SteadyState::SteadyState() : before_(steady) { steady = true; }
SteadyState::~SteadyState() { steady = before_; }
void hidden_work(const char* what, bool can_record) {
  if (!can_record) cannot_record(what);
  if (steady) throw Error(std::string("steady state: mica ") + what);
}

}  // namespace mica
