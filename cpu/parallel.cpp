#include "mica/cpu/parallel.h"
#include <pthread.h>
#include <algorithm>
#include <atomic>
#include <exception>
#include <string>
#include <thread>
#include <vector>
#include "mica/core/device.h"
#include "mica/core/error.h"
#ifdef _OPENMP
#include <omp.h>
#endif

namespace mica {
namespace {
constinit thread_local bool serial = false;
std::atomic<bool> team_exists{false}, forked{false};

int default_threads() {
#ifdef _OPENMP
  return std::max(1, omp_get_max_threads());
#else
  return std::max(1u, std::thread::hardware_concurrency());
#endif
}
std::atomic<int> wanted{0};

// A team does not survive fork: a child that waits for libgomp's hangs.
[[maybe_unused]] const int at_fork = pthread_atfork(nullptr, nullptr, [] { if (team_exists) forked = true; });

int64_t parts_of(int64_t n, int64_t grain) {
  if (serial || forked) return 1;
  return std::clamp<int64_t>(n / std::max<int64_t>(grain, 1), 1, threads());
}
}  // namespace

int threads() {
  int n = wanted.load(std::memory_order_relaxed);
  if (n == 0) wanted = n = default_threads();
  return n;
}
void set_threads(int n) {
  if (n < 1) throw Error("set_threads: " + std::to_string(n) + " threads; at least 1 is needed");
  wanted = n;
#ifdef _OPENMP
  omp_set_num_threads(n);
#endif
}
SerialScope::SerialScope() : before_(serial) { serial = true; }
SerialScope::~SerialScope() { serial = before_; }
int parallel_parts(int64_t n, int64_t grain) { return int(parts_of(n, grain)); }

#ifdef _OPENMP
LibraryScope::LibraryScope(double flops) : threads_(flops < 5e5 ? 1 : int(parts_of(INT32_MAX, 1))), before_(omp_get_max_threads()) {
  if (threads_ > 1) team_exists = true;
  if (threads_ != before_) omp_set_num_threads(threads_);
}
LibraryScope::~LibraryScope() { if (threads_ != before_) omp_set_num_threads(before_); }
#else
LibraryScope::LibraryScope(double) : threads_(1), before_(1) {}  // such a tree runs oneDNN with OMP_NUM_THREADS=1
LibraryScope::~LibraryScope() = default;
#endif

void run_parallel(int64_t n, int64_t grain, void (*f)(void*, int64_t, int64_t), void* self) {
  const int64_t parts = parts_of(n, grain);
  if (parts == 1) return f(self, 0, n);
  std::exception_ptr failed;
  std::atomic<bool> has_failed{false};
  const int64_t unit = n / parts >= 4096 ? 64 : 1;  // elements, then: parts begin with a cache line; an update whose vectors lie across two takes a third longer
  auto first = [&](int64_t i) { return i == parts ? n : n * i / parts / unit * unit; };
  auto part = [&](int64_t i) {
    SerialScope inner;
    try { f(self, first(i), first(i + 1)); }
    catch (...) { if (!has_failed.exchange(true)) failed = std::current_exception(); }
  };
  team_exists = true;
#ifdef _OPENMP
#pragma omp parallel for schedule(static, 1) num_threads(int(parts))
  for (int64_t i = 0; i < parts; ++i) part(i);
#else  // ThreadSanitizer cannot see libgomp's synchronisation
  {
    std::vector<std::jthread> team;
    for (int64_t i = 1; i < parts; ++i) team.emplace_back(part, i);
    part(0);
  }
#endif
  if (failed) std::rethrow_exception(failed);
}

}  // namespace mica
