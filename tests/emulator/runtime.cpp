#include "mica/tests/emulator/runtime.h"
#include <cstring>
#include <map>
#include "mica/tests/emulator/report.h"
namespace mica::emulator {
namespace {
struct Failure { int at; int error; };
std::map<std::string, int> counts;
std::map<std::string, Failure> failures;
int total = 0;
cudaError_t last = cudaSuccess;
bool in_host_function = false;
}  // namespace

std::recursive_mutex& runtime_mutex() {
  static std::recursive_mutex& result = *new std::recursive_mutex;
  return result;
}

HostFunctionScope::HostFunctionScope() { in_host_function = true; }
HostFunctionScope::~HostFunctionScope() { in_host_function = false; }
bool refused_in_host_function(const char* function) {
  if (in_host_function)
    report("host function", function, std::string("a function queued by cudaLaunchHostFunc calls ") + function + ", which the runtime does not allow there");
  return in_host_function;
}

void fail_call(const std::string& function, int n, cudaError_t error) {
  const std::lock_guard lock(runtime_mutex());
  failures[function] = {calls(function) + n, error};
}
int calls(const std::string& function) {
  const std::lock_guard lock(runtime_mutex());
  return function.empty() ? total : counts[function];
}
void reset_calls() {
  const std::lock_guard lock(runtime_mutex());
  counts.clear();
  failures.clear();
  total = 0;
}

std::optional<int> injected(const char* function) {
  const std::lock_guard lock(runtime_mutex());
  ++total;
  const int n = ++counts[function];
  for (const auto& [name, count] : {std::pair<std::string, int>(function, n), std::pair<std::string, int>("", total)})
    if (const auto found = failures.find(name); found != failures.end() && found->second.at == count) {
      const int error = found->second.error;
      failures.erase(found);
      return error;
    }
  return std::nullopt;
}

cudaError_t note(cudaError_t error) {
  if (error != cudaSuccess && error != cudaErrorNotReady) last = error;
  return error;
}

}  // namespace mica::emulator

using mica::emulator::runtime_mutex;
extern "C" {
cudaError_t cudaGetLastError() {
  const std::lock_guard lock(runtime_mutex());
  return std::exchange(mica::emulator::last, cudaSuccess);
}
cudaError_t cudaPeekAtLastError() {
  const std::lock_guard lock(runtime_mutex());
  return mica::emulator::last;
}
}
