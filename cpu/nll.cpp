#include "mica/core/ops/nll.h"
#include "mica/cpu/class_loss.h"
// One value of each row is read: nothing to make faster.
namespace mica {

void op::Nll::forward(const Cpu&, const Tensor& x, const Tensor& labels, const Tensor& weight, Tensor& loss, State& state) const {
  const int64_t classes = x.size(1), rows = labels.size();
  const Labels l(labels, weight, ignore_index);
  l.check(labels, classes);
  std::vector<double> losses(static_cast<size_t>(rows));
  dispatch_float(x.dtype(), [&]<class T>(T) {
    const T* p = x.data<T>();
    for (int64_t i = 0; i < rows; ++i) if (l.counts(i)) losses[size_t(i)] = -l.of(i) * double(Compute<T>(p[i * classes + l.label[size_t(i)]]));
  });
  const double sum = l.sum();
  state.weight_sum = full({}, sum, {f64});
  reduce_losses(losses, reduction, sum, loss);
}
void op::Nll::backward(const Cpu& on, const Tensor& x, const Tensor& labels, const Tensor& weight, const Tensor&, const State& state, const Tensor& dloss, Tensor& dx, Tensor&,
                       Tensor&) const {
  const int64_t classes = x.size(1), rows = labels.size();
  const Labels l(labels, weight, ignore_index);
  const LossGradient g(dloss, reduction, state.weight_sum.item());
  fill_kernel(on, 0, dx);
  dispatch_float(x.dtype(), [&]<class T>(T) {
    for (int64_t i = 0; i < rows; ++i) if (l.counts(i)) output<T>(dx)[i * classes + l.label[size_t(i)]] = T(Compute<T>(-l.of(i) * g(i)));
  });
}

}  // namespace mica
