#pragma once
#include <cuda_runtime.h>
#include <mutex>
#include <optional>
#include <string>
// The doubles of the CUDA runtime's functions (runtime_*.cpp): what they have in common, and how a test makes one fail. They are linked in the
// runtime's place, behind the vendor's own headers: a function that is missing is a link error.
namespace mica::emulator {

// From now on the n-th call (from 1) of a function returns this error and does nothing else. "" counts calls of all functions. A launch is
// counted as cudaLaunchKernel.
void fail_call(const std::string& function, int n, cudaError_t error);
// How often a function was called since the last reset; "" for all together. The reset forgets the failures asked for as well.
int calls(const std::string& function);
void reset_calls();

// For doubles, of the runtime and of other libraries: counts the call, and returns the error it must fail with.
std::optional<int> injected(const char* function);

std::recursive_mutex& runtime_mutex();
// While one lives a function of the program runs in a stream (cudaLaunchHostFunc): functions of the runtime are reported and refused.
struct HostFunctionScope {
  HostFunctionScope();
  ~HostFunctionScope();
  HostFunctionScope(const HostFunctionScope&) = delete;
};
bool refused_in_host_function(const char* function);
cudaError_t note(cudaError_t error);  // what cudaGetLastError will return
template <class F> cudaError_t call(const char* function, F body) {
  const std::lock_guard lock(runtime_mutex());
  if (refused_in_host_function(function)) return note(cudaErrorNotPermitted);
  if (const auto error = injected(function)) return note(cudaError_t(*error));
  return note(body());
}

}  // namespace mica::emulator
