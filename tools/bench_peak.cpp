// How many fused multiply-adds the CPU can do: in registers, in the widest vectors that it has.
#include <immintrin.h>

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

// x = x * a + b, `times` times in each of the chains; returns the sum, so that nothing is left out.
[[gnu::target("avx512f")]] double f32_512(long times) {
  __m512 x[chains];
  const __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
  for (int i = 0; i < chains; ++i) x[i] = _mm512_set1_ps(static_cast<float>(i));
  for (long t = 0; t < times; ++t)
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) x[i] = _mm512_fmadd_ps(x[i], a, b);
  float out[16], sum = 0;
  for (int i = 0; i < chains; ++i) _mm512_storeu_ps(out, x[i]), sum += out[0];
  return sum;
}
[[gnu::target("avx512f")]] double f64_512(long times) {
  __m512d x[chains];
  const __m512d a = _mm512_set1_pd(0.999), b = _mm512_set1_pd(0.001);
  for (int i = 0; i < chains; ++i) x[i] = _mm512_set1_pd(i);
  for (long t = 0; t < times; ++t)
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) x[i] = _mm512_fmadd_pd(x[i], a, b);
  double out[8], sum = 0;
  for (int i = 0; i < chains; ++i) _mm512_storeu_pd(out, x[i]), sum += out[0];
  return sum;
}
[[gnu::target("avx2,fma")]] double f32_256(long times) {
  __m256 x[chains];
  const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
  for (int i = 0; i < chains; ++i) x[i] = _mm256_set1_ps(static_cast<float>(i));
  for (long t = 0; t < times; ++t)
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) x[i] = _mm256_fmadd_ps(x[i], a, b);
  float out[8], sum = 0;
  for (int i = 0; i < chains; ++i) _mm256_storeu_ps(out, x[i]), sum += out[0];
  return sum;
}
[[gnu::target("avx2,fma")]] double f64_256(long times) {
  __m256d x[chains];
  const __m256d a = _mm256_set1_pd(0.999), b = _mm256_set1_pd(0.001);
  for (int i = 0; i < chains; ++i) x[i] = _mm256_set1_pd(i);
  for (long t = 0; t < times; ++t)
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) x[i] = _mm256_fmadd_pd(x[i], a, b);
  double out[4], sum = 0;
  for (int i = 0; i < chains; ++i) _mm256_storeu_pd(out, x[i]), sum += out[0];
  return sum;
}
double f32_128(long times) {
  __m128 x[chains];
  const __m128 a = _mm_set1_ps(0.999f), b = _mm_set1_ps(0.001f);
  for (int i = 0; i < chains; ++i) x[i] = _mm_set1_ps(static_cast<float>(i));
  for (long t = 0; t < times; ++t)
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) x[i] = _mm_add_ps(_mm_mul_ps(x[i], a), b);
  float out[4], sum = 0;
  for (int i = 0; i < chains; ++i) _mm_storeu_ps(out, x[i]), sum += out[0];
  return sum;
}
double f64_128(long times) {
  __m128d x[chains];
  const __m128d a = _mm_set1_pd(0.999), b = _mm_set1_pd(0.001);
  for (int i = 0; i < chains; ++i) x[i] = _mm_set1_pd(i);
  for (long t = 0; t < times; ++t)
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) x[i] = _mm_add_pd(_mm_mul_pd(x[i], a), b);
  double out[2], sum = 0;
  for (int i = 0; i < chains; ++i) _mm_storeu_pd(out, x[i]), sum += out[0];
  return sum;
}

struct Loop {
  double (*run)(long times);
  int width;  // numbers in a vector
};
Loop loop_for(bool wide) {
  if (__builtin_cpu_supports("avx512f")) return wide ? Loop{f64_512, 8} : Loop{f32_512, 16};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return wide ? Loop{f64_256, 4} : Loop{f32_256, 8};
  return wide ? Loop{f64_128, 2} : Loop{f32_128, 4};
}

}  // namespace

double fused_multiply_add_peak(DType dtype, int threads, double seconds) {
  if (dtype != f32 && dtype != f64) throw Error("fused_multiply_add_peak: f32 or f64");
  using Clock = std::chrono::steady_clock;
  const Loop loop = loop_for(dtype == f64);
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
