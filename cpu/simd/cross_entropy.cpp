#include "mica/cpu/cross_entropy_table.h"
#include "mica/cpu/simd/exp_sum.h"

namespace mica::MICA_ISA {
double log_sum_exp(int64_t n, const float* x) {
  const float m = largest(x, n);
  return double(m) + double(log_of(sum_of(n, [=](auto io, int64_t i) { return xsimd::exp(io.load(x + i) - Batch(m)); })));
}
// lse as two floats: rounded to one it would cost the exponential lse / 2 ulp.
double distance(int64_t n, const float* x, double lse, const float* weight) {
  const float high = float(lse), low = float(lse - double(high));
  return double(sum_of(n, [=](auto io, int64_t i) {
    const Batch d = (Batch(high) - io.load(x + i)) + Batch(low);
    return weight ? d * io.load(weight + i) : d;
  }));
}
void gradient(int64_t n, const float* x, double lse, double a, double b, const float* weight, float* dx) {
  const float high = float(lse), low = float(lse - double(high));
  const Batch fa(static_cast<float>(a)), fb(static_cast<float>(b));  // braces would set one lane
  each(n, [=](auto io, int64_t i) {
    const Batch p = fa * xsimd::exp((io.load(x + i) - Batch(high)) - Batch(low));
    io.store(weight ? p - fb * io.load(weight + i) : p - fb, dx + i);
  });
}
constinit const CrossEntropyTable cross_entropy{&log_sum_exp, &distance, &gradient};
}  // namespace mica::MICA_ISA
