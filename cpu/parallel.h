#pragma once
#include <cstdint>
#include <memory>
#include <utility>
// Work divided over the CPU's threads: the OpenMP team, which oneDNN shares (a second pool would cost 35 to 50 %).
namespace mica {

// Calls f(begin, end) on parts of [0, n) of at least `grain`, one part a thread. The partition depends on n, grain and the number of
// threads only. Serial inside another parallel region, in a SerialScope, and in a child process forked after one. The first exception is
// rethrown here.
void run_parallel(int64_t n, int64_t grain, void (*f)(void* self, int64_t begin, int64_t end), void* self);
template <class F> void parallel_for(int64_t n, int64_t grain, F&& f) {
  if (n <= 0) return;
  if (n <= grain) return void(f(int64_t(0), n));
  run_parallel(n, grain, [](void* self, int64_t begin, int64_t end) { (*static_cast<std::remove_reference_t<F>*>(self))(begin, end); },
               const_cast<void*>(static_cast<const void*>(std::addressof(f))));
}
// How many parts parallel_for makes: for kernels that reduce per part.
int parallel_parts(int64_t n, int64_t grain);

// Elements of simple work that pay for waking a thread (about 5 us).
inline constexpr int64_t pointwise_grain = 32768;
// The same where each weight is used once (an update, one row times a matrix). Fetching a weight from another core's cache takes anything from
// nothing to ten times the work, depending on where the cores are: small parameters stay on one, large ones are divided by rows everywhere.
inline constexpr int64_t weight_grain = 65536;

// While one lives, this thread's kernels run on it alone: for workers that are threads themselves.
class SerialScope {
 public:
  SerialScope();
  ~SerialScope();
  SerialScope(const SerialScope&) = delete;
 private:
  bool before_;
};

// While one lives, a library on the same OpenMP (oneDNN) called from this thread divides its work over as many threads as parallel_for would,
// or runs on this thread alone where `flops` do not pay for waking another.
class LibraryScope {
 public:
  explicit LibraryScope(double flops);
  ~LibraryScope();
  LibraryScope(const LibraryScope&) = delete;
  int threads() const { return threads_; }
 private:
  int threads_, before_;
};

}  // namespace mica
