// How many fused multiply-adds the CPU can do: in registers, in the widest vectors that it has.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "mica/core/error.h"
#include "mica/tools/bench_timer.h"

namespace mica::tools {
namespace {

constexpr int chains = 12;  // independent sums: two units with a latency of four to six cycles

// x = x * a + b, `times` times in each of the chains, in vectors of so many bytes; returns a sum, so that nothing is left out. Inlined: it is compiled for
// the instruction set of its caller, which makes one instruction of the two where it has one.
template <class T, int bytes> [[gnu::always_inline]] inline double multiply_adds(long times) {
  using Vector [[gnu::vector_size(bytes)]] = T;
  Vector x[chains];
  for (int i = 0; i < chains; ++i) x[i] = Vector{} + static_cast<T>(i);
  const Vector a = Vector{} + T(0.999), b = Vector{} + T(0.001);
  for (long t = 0; t < times; ++t)
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) x[i] = x[i] * a + b;
  T sum = 0;
  for (int i = 0; i < chains; ++i) sum += x[i][0];
  return sum;
}
template <class T> [[gnu::target("avx512f")]] double in_avx512(long times) { return multiply_adds<T, 64>(times); }
template <class T> [[gnu::target("avx2,fma")]] double in_avx2(long times) { return multiply_adds<T, 32>(times); }
template <class T> double in_sse2(long times) { return multiply_adds<T, 16>(times); }

struct Loop {
  double (*run)(long times);
  int width;  // numbers in a vector
};
template <class T> Loop loop_for() {
  constexpr int in_16_bytes = 16 / sizeof(T);
  if (__builtin_cpu_supports("avx512f")) return {in_avx512<T>, 4 * in_16_bytes};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {in_avx2<T>, 2 * in_16_bytes};
  return {in_sse2<T>, in_16_bytes};
}

}  // namespace

double fused_multiply_add_peak(DType dtype, int threads, double seconds) {
  if (dtype != f32 && dtype != f64) throw Error("fused_multiply_add_peak: f32 or f64");
  using Clock = std::chrono::steady_clock;
  const Loop loop = dtype == f64 ? loop_for<double>() : loop_for<float>();
  const auto since = [](Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); };
  volatile double kept = loop.run(10'000);
  const auto start = Clock::now();
  kept = loop.run(10'000);
  const long times = std::max(1000L, static_cast<long>(10'000 * seconds / 5 / std::max(since(start), 1e-9)));
  double best = 0;
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> ready{0};
    std::vector<Clock::time_point> begun(static_cast<std::size_t>(threads)), ended(begun);
    std::vector<double> sums(begun.size());
    std::vector<std::thread> team;
    for (std::size_t t = 0; t < begun.size(); ++t)
      team.emplace_back([&, t] {
        ++ready;
        while (ready < threads) {}
        begun[t] = Clock::now();
        sums[t] = loop.run(times);
        ended[t] = Clock::now();
      });
    for (std::thread& each : team) each.join();
    kept = kept + sums[0];
    const double taken = std::chrono::duration<double>(*std::max_element(ended.begin(), ended.end()) - *std::min_element(begun.begin(), begun.end())).count();
    best = std::max(best, 2.0 * chains * loop.width * static_cast<double>(times) * threads / taken);
  }
  return best;
}

}  // namespace mica::tools
