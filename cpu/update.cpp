#include <algorithm>
#include <atomic>
#include <bit>
#include <vector>
#include "mica/cpu/half.h"
#include "mica/cpu/isa.h"
#include "mica/cpu/parallel.h"
#include "mica/cpu/update_table.h"

namespace mica {
namespace {
template <class R> void plain(const void* coefficients, int64_t n, double* w, const double* g, double* const* s) {  // the reference
  const R& rule = *static_cast<const R*>(coefficients);
  for (int64_t i = 0; i < n; ++i) {
    double state[3] = {};
    for (int k = 0; k < R::states; ++k) state[k] = s[k][i];
    rule(w[i], g[i], state);
    for (int k = 0; k < R::states; ++k) s[k][i] = state[k];
  }
}
template <class... R> UpdateRow<double> plain_row(int rule, rule::List<R...>) {
  static constexpr UpdateRow<double> rows[] = {&plain<R>...};
  return rows[rule];
}
template <class T> void run(UpdateRow<T> row, const void* coefficients, const rule::Part& part, int64_t begin, int64_t end) {
  T* s[3] = {};
  for (int k = 0; k < 3; ++k) if (part.s[k]) s[k] = static_cast<T*>(part.s[k]) + begin;
  row(coefficients, end - begin, static_cast<T*>(part.w) + begin, part.g ? static_cast<const T*>(part.g) + begin : nullptr, s);
}
template <class R> void run_step(const Cpu& on, const void* coefficients, const StepMemory& memory, std::span<const rule::Part> parts) {
  if (memory.control && memory.control->overflowed != 0) return;
  R now = *static_cast<const R*>(coefficients);
  rule::next_step(now, *memory.count);
  update_kernel(on, rule::index_in<R>(rule::All{}), &now, parts);
}
using Step = void (*)(const Cpu&, const void* coefficients, const StepMemory&, std::span<const rule::Part>);
template <class... R> Step step_of(int rule, rule::List<R...>) {
  static constexpr Step steps[] = {&run_step<R>...};
  return steps[rule];
}
// Over the bits, which the compiler makes vectors of.
template <class T, class Bits> bool all_finite(const void* data, int64_t begin, int64_t end) {
  const T* const x = static_cast<const T*>(data);
  Bits largest = 0;
  for (int64_t i = begin; i < end; ++i) largest = std::max(largest, Bits(std::bit_cast<Bits>(x[i]) << 1));  // without the sign
  return largest < Bits(std::bit_cast<Bits>(T(HUGE_VAL)) << 1);
}
// The shadow is written while the parameters that it is made of are in the first-level cache.
void run_shadowed(UpdateRow<float> row, const void* coefficients, const rule::Part& part, int64_t begin, int64_t end) {
  constexpr int64_t chunk = 1024;
  for (int64_t at = begin; at < end; at += chunk) {
    const int64_t n = std::min(chunk, end - at);
    run(row, coefficients, part, at, at + n);
    const float* w = static_cast<const float*>(part.w) + at;
    if (part.shadow_dtype == bf16) convert(w, static_cast<bfloat16*>(part.shadow) + at, n);
    else convert(w, static_cast<float16*>(part.shadow) + at, n);
  }
}
}  // namespace

void update_kernel(const Cpu&, int rule, const void* coefficients, std::span<const rule::Part> parts) {
  static const UpdateTable& table = pick(v2::updates, v3::updates, v4::updates);
  std::vector<int> shares;
  for (const auto& part : parts) {
    if (part.dtype != f32 && part.dtype != f64) throw Error(std::string("update: parameters are f32 or f64, not ") + name_of(part.dtype));
    shares.push_back(parallel_parts(part.n, weight_grain));
  }
  // Parameter by parameter, as the kernels divide it that read it and compute its gradient: what each thread needs is in its core's cache.
  parallel_for(parts.empty() ? 0 : *std::max_element(shares.begin(), shares.end()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (size_t p = 0; p < parts.size(); ++p) {
        const rule::Part& part = parts[p];
        const int64_t n = shares[p], a = part.n * i / n, b = part.n * (i + 1) / n;
        if (i >= n || a == b) continue;
        if (part.dtype == f64) run(plain_row(rule, rule::All{}), coefficients, part, a, b);
        else if (part.shadow) run_shadowed(table.row[rule], coefficients, part, a, b);
        else run(table.row[rule], coefficients, part, a, b);
      }
  });
}
void step_kernel(const Cpu& on, int rule, const void* coefficients, const StepMemory& memory, std::span<const rule::Part> parts) {
  step_of(rule, rule::All{})(on, coefficients, memory, parts);
}
void unscale_kernel(const Cpu& on, StepControl* control, std::span<const rule::Part> parts) {
  const rule::Unscale unscale{control->scale};
  update_kernel(on, rule::index_in<rule::Unscale>(rule::All{}), &unscale, parts);
  std::atomic<bool> finite = true;
  for (const rule::Part& part : parts)
    parallel_for(part.n, weight_grain, [&](int64_t begin, int64_t end) {
      if (!(part.dtype == f64 ? all_finite<double, uint64_t> : all_finite<float, uint32_t>)(part.w, begin, end)) finite = false;
    });
  if (!finite) control->overflowed = 1;
}
void next_scale_kernel(const Cpu&, StepControl* control, double growth, double backoff, float interval) { control->next(growth, backoff, interval); }

}  // namespace mica
