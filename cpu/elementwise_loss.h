#pragma once
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/core/ops/reduction.h"
#include "mica/cpu/elementwise_loss_table.h"
#include "mica/cpu/isa.h"
#include "mica/cpu/parallel.h"
// What the kernels of losses between equal-shaped tensors share.
namespace mica {

inline const ElementwiseLossTable& loss_table() { static const auto& t = pick(v2::elementwise_loss, v3::elementwise_loss, v4::elementwise_loss); return t; }

// x, broadcast to the shape of `like`, as dtype t in packed_like(like): x itself where it is that. Undefined stays undefined.
inline Tensor packed_as(const Tensor& x, const Tensor& like, DType t) {
  const Strides strides = packed_like(like);
  if (!x || (x.dtype() == t && x.shape() == like.shape() && same_order(x.shape(), x.strides(), strides))) return x;
  const Tensor y = empty(like.shape(), {t});
  y.body().strides = strides;
  copy_into(y, expand_alias(x, like.shape()));
  return y;
}
// The sum of f(begin, end), doubles, over runs of [0, n). The runs are the same for any number of threads, and are added in their order.
template <class F> double sum_of_runs(int64_t n, F&& f) {
  constexpr int64_t run = 2048;
  std::vector<double> part(size_t((n + run - 1) / run));
  parallel_for(int64_t(part.size()), pointwise_grain / run, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) part[size_t(i)] = f(i * run, std::min(n, (i + 1) * run));
  });
  double sum = 0;
  for (double v : part) sum += v;
  return sum;
}
inline void put_loss(const Tensor& loss, double sum, Reduction reduction, int64_t n) {
  if (reduction == Reduction::mean) sum /= double(n);
  if (loss.dtype() == f64) *output<double>(loss) = sum; else *output<float>(loss) = float(sum);
}
template <class T> const T* read(const Tensor& t, int64_t at) { return t ? t.data<T>() + at : nullptr; }

}  // namespace mica
