#include "mica/core/ops/mse.h"
#include "mica/cpu/elementwise_loss.h"

namespace mica {

void op::Mse::forward(const Cpu&, const Tensor& x, const Tensor& target, Tensor& loss) const {
  const DType t = loss.dtype();
  const Tensor a = packed_as(x, x, t), b = packed_as(target, x, t);
  const double sum = sum_of_runs(x.size(), [&](int64_t begin, int64_t end) {
    if (t == f32) return loss_table().squares(end - begin, read<float>(a, begin), read<float>(b, begin));
    double s = 0;
    for (int64_t i = begin; i < end; ++i) { const double d = a.data<double>()[i] - b.data<double>()[i]; s += d * d; }
    return s;
  });
  put_loss(loss, sum, reduction, x.size());
}

void op::Mse::backward(const Cpu&, const Tensor& x, const Tensor& target, const Tensor& loss, const Tensor& dloss, Tensor& dx, Tensor& dtarget) const {
  const DType t = loss.dtype();
  const Tensor a = packed_as(x, x, t), b = packed_as(target, x, t);
  const double factor = 2 * dloss.item() / (reduction == Reduction::mean ? double(x.size()) : 1);
  auto difference = [&](const Tensor& of, const Tensor& from, const Tensor& to) {  // to = factor (of - from)
    if (!to) return;
    const bool direct = to.dtype() == t && same_order(x.shape(), to.strides(), packed_like(x));
    const Tensor y = direct ? to : empty_like(a, t);
    parallel_for(x.size(), pointwise_grain, [&](int64_t begin, int64_t end) {
      if (t == f32) return loss_table().difference(end - begin, float(factor), read<float>(of, begin), read<float>(from, begin), output<float>(y) + begin);
      for (int64_t i = begin; i < end; ++i) output<double>(y)[i] = factor * (of.data<double>()[i] - from.data<double>()[i]);
    });
    if (!direct) copy_into(to, y);
  };
  difference(a, b, dx);
  difference(b, a, dtarget);
}

}  // namespace mica
