#include "mica/cpu/elementwise_loss_table.h"
#include "mica/cpu/simd/batch.h"

namespace mica::MICA_ISA {
double squares(int64_t n, const float* a, const float* b) {
  return double(sum_of(n, [=](auto io, int64_t i) { const Batch d = io.load(a + i) - io.load(b + i); return d * d; }));
}
void difference(int64_t n, float factor, const float* a, const float* b, float* y) {
  each(n, [=](auto io, int64_t i) { io.store(Batch(factor) * (io.load(a + i) - io.load(b + i)), y + i); });
}
// log(1 + exp(-x)) = max(-x, 0) + log1p(exp(-|x|)).
double bce(int64_t n, const float* x, const float* t, const float* weight, const float* pos_weight, float* y) {
  const Batch zero(0.f), one(1.f);
  return double(sum_of(n, [=](auto io, int64_t i) {
    const Batch v = io.load(x + i), target = io.load(t + i);
    Batch softplus = xsimd::select(v < zero, -v, zero) + xsimd::log1p(xsimd::exp(-xsimd::abs(v)));
    if (pos_weight) softplus *= one + (io.load(pos_weight + i) - one) * target;
    Batch loss = (one - target) * v + softplus;
    if (weight) loss *= io.load(weight + i);
    if (y) io.store(loss, y + i);
    return loss;
  }));
}
void bce_back(int64_t n, float factor, const float* dloss, const float* x, const float* t, const float* weight, const float* pos_weight, float* dx) {
  const Batch one(1.f);
  each(n, [=](auto io, int64_t i) {
    const Batch v = io.load(x + i), target = io.load(t + i);
    Batch d = one / (one + xsimd::exp(v));  // sigmoid(-x)
    if (pos_weight) d *= one + (io.load(pos_weight + i) - one) * target;
    d = ((one - target) - d) * Batch(factor);
    if (weight) d *= io.load(weight + i);
    if (dloss) d *= io.load(dloss + i);
    io.store(d, dx + i);
  });
}
constinit const ElementwiseLossTable elementwise_loss{&squares, &difference, &bce, &bce_back};
}  // namespace mica::MICA_ISA
