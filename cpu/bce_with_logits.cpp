#include "mica/core/ops/bce_with_logits.h"
#include <cmath>
#include "mica/cpu/elementwise_loss.h"
#include "mica/cpu/widen.h"

namespace mica {
namespace {
// The plainest loops: one element's loss, and its derivative.
struct Element {
  const double *x, *t, *weight, *pos_weight;
  double positive(int64_t i) const { return pos_weight ? 1 + (pos_weight[i] - 1) * t[i] : 1; }
  double loss(int64_t i) const { return (weight ? weight[i] : 1) * ((1 - t[i]) * x[i] + positive(i) * (std::max(-x[i], 0.0) + std::log1p(std::exp(-std::abs(x[i]))))); }
  double slope(int64_t i) const { return (weight ? weight[i] : 1) * ((1 - t[i]) - positive(i) / (1 + std::exp(x[i]))); }
};
}  // namespace

void op::BceWithLogits::forward(const Cpu&, const Tensor& logits, const Tensor& target, const Tensor& weight, const Tensor& pos_weight, Tensor& loss) const {
  const DType type = loss.dtype();
  const Tensor x = packed_as(logits, logits, type), t = packed_as(target, logits, type), w = packed_as(weight, logits, type), p = packed_as(pos_weight, logits, type);
  const bool each = reduction == Reduction::none;
  const double sum = sum_of_runs(logits.size(), [&](int64_t begin, int64_t end) {
    if (type == f32)
      return loss_table().bce(end - begin, read<float>(x, begin), read<float>(t, begin), read<float>(w, begin), read<float>(p, begin), each ? output<float>(loss) + begin : nullptr);
    const Element e{read<double>(x, 0), read<double>(t, 0), read<double>(w, 0), read<double>(p, 0)};
    double s = 0;
    for (int64_t i = begin; i < end; ++i) {
      s += e.loss(i);
      if (each) output<double>(loss)[i] = e.loss(i);
    }
    return s;
  });
  if (!each) put_loss(loss, sum, reduction, logits.size());
}

void op::BceWithLogits::backward(const Cpu&, const Tensor& logits, const Tensor& target, const Tensor& weight, const Tensor& pos_weight, const Tensor& loss, const Tensor& dloss,
                                 Tensor& dlogits, Tensor&, Tensor&, Tensor&) const {
  const DType type = loss.dtype();
  const Tensor x = packed_as(logits, logits, type), t = packed_as(target, logits, type), w = packed_as(weight, logits, type), p = packed_as(pos_weight, logits, type);
  const bool each = reduction == Reduction::none;
  const Tensor dy = each ? packed_as(dloss, logits, type) : Tensor();
  const double factor = each ? 1 : dloss.item() / (reduction == Reduction::mean ? double(logits.size()) : 1);
  Widened dx(dlogits);
  parallel_for(logits.size(), pointwise_grain / 4, [&](int64_t begin, int64_t end) {
    if (type == f32)
      return loss_table().bce_back(end - begin, float(factor), read<float>(dy, begin), read<float>(x, begin), read<float>(t, begin), read<float>(w, begin), read<float>(p, begin),
                                   output<float>(*dx) + begin);
    const Element e{read<double>(x, 0), read<double>(t, 0), read<double>(w, 0), read<double>(p, 0)};
    for (int64_t i = begin; i < end; ++i) output<double>(*dx)[i] = factor * (dy ? dy.data<double>()[i] : 1) * e.slope(i);
  });
}

}  // namespace mica
