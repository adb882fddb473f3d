#include "mica/tools/bench_timer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "mica/core/implementation.h"
#include "mica/core/ops/matmul.h"
#include "mica/core/ops/pointwise.h"
#include "mica/core/random.h"
#include "mica/core/stream.h"
#include "mica/tools/interrupt.h"

namespace mica::tools {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Seconds of each of `count` calls, on average.
double batch(const std::function<void()>& call, Device device, int count) {
  const double start = now();
  for (int i = 0; i < count; ++i) call();
  if (device != cpu) synchronize(device);
  return (now() - start) / count;
}

std::vector<double> rounds_of(const std::function<void()>& call, Device device, double budget, int& calls) {
  constexpr int enough = 5, most = 50;
  if (device != cpu) synchronize(device);
  const double begun = now();
  batch(call, device, 1);  // choices, plans, memory
  double once = batch(call, device, 1);
  const double wanted = std::min(0.01, budget / enough);
  if (once < wanted / 10) once = batch(call, device, std::clamp(static_cast<int>(wanted / 10 / std::max(once, 1e-9)), 1, 1000));  // a first one is no measure of short calls
  calls = static_cast<int>(std::clamp(std::ceil(wanted / std::max(once, 1e-9)), 1.0, 1e7));
  std::vector<double> times;
  while (!interrupted() && times.size() < most) {
    const double used = now() - begun;
    if (!times.empty() && used + times.back() * calls > (times.size() < enough ? budget : budget / enough)) break;
    times.push_back(batch(call, device, calls));
  }
  return times;
}

}  // namespace

Tf32::Tf32(bool allowed) : before_(tf32_allowed()) { set_tf32(allowed); }
Tf32::~Tf32() { set_tf32(before_); }

Timing time_of(const std::function<void()>& call, Device device, double budget) {
  Timing timing;
  std::vector<double> times = rounds_of(call, device, budget, timing.calls);
  timing.rounds = static_cast<int>(times.size());
  if (times.empty()) return timing;
  std::sort(times.begin(), times.end());
  const std::size_t middle = times.size() / 2;
  timing.seconds = times.size() % 2 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
  return timing;
}

namespace {
double fastest(const std::function<void()>& call, Device device, double budget) {
  int calls = 0;
  const std::vector<double> times = rounds_of(call, device, budget, calls);
  return times.empty() ? NAN : *std::min_element(times.begin(), times.end());
}
}  // namespace

CopySpeed copy_speed(Device device, double budget) {
  NoGrad no_grad;
  const std::int64_t n = 1 << 26;
  const Tensor from = full({n}, 1.5, {f32, device}), to = empty({n}, {f32, device});
  return {2.0 * static_cast<double>(from.bytes()) / fastest([&] { copy(from, to); }, device, budget)};
}

ArithmeticPeak arithmetic_peak(Device device, BenchType type, double budget) {
  NoGrad no_grad;
  const Tf32 allowed(type.tf32);
  const DType dtype = type.dtype;
  ArithmeticPeak peak;
  if (device != cpu || dtype != f64) {  // the CPU's f64 is a plain loop, the reference
    const std::int64_t n = device == cpu ? 1536 : 4096;
    const Tensor a = to(cast(randn({n, n}), dtype), device), b = to(cast(randn({n, n}), dtype), device);
    peak = {2.0 * static_cast<double>(n * n * n) / fastest([&] { matmul(a, b); }, device, budget), "matrix product"};
  }
  if (device == cpu)
    if (const double flops = fused_multiply_add_peak(dtype == f64 ? f64 : f32, threads(), std::min(0.02, budget)); !(flops <= peak.flops)) peak = {flops, "fused multiply-adds"};
  return peak;
}

}  // namespace mica::tools
