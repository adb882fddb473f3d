#include "mica/core/ops/cross_entropy.h"
#include <cmath>
#include "mica/cpu/class_loss.h"
#include "mica/cpu/cross_entropy_table.h"
#include "mica/cpu/isa.h"
#include "mica/cpu/parallel.h"
#include "mica/cpu/widen.h"
// Logits are rows of classes: one read forward; one read and one write backward. Losses are summed in double, in the order of the rows.
namespace mica {
namespace {
const CrossEntropyTable& table() { static const auto& t = pick(v2::cross_entropy, v3::cross_entropy, v4::cross_entropy); return t; }

double log_sum_exp(int64_t n, const double* x) {
  double m = x[0], sum = 0;
  for (int64_t i = 1; i < n; ++i) m = std::max(m, x[i]);
  for (int64_t i = 0; i < n; ++i) sum += std::exp(x[i] - m);
  return m + std::log(sum);
}
double distance(int64_t n, const double* x, double lse, const double* weight) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += (weight ? weight[i] : 1) * (lse - x[i]);
  return sum;
}
void gradient(int64_t n, const double* x, double lse, double a, double b, const double* weight, double* dx) {
  for (int64_t i = 0; i < n; ++i) dx[i] = a * std::exp(x[i] - lse) - b * (weight ? weight[i] : 1);
}
double log_sum_exp(int64_t n, const float* x) { return table().log_sum_exp(n, x); }
double distance(int64_t n, const float* x, double lse, const float* weight) { return table().distance(n, x, lse, weight); }
void gradient(int64_t n, const float* x, double lse, double a, double b, const float* weight, float* dx) { table().gradient(n, x, lse, a, b, weight, dx); }

// Calls f(T{}) with the type that is computed in.
template <class F> void in_type(const Tensor& logits, F&& f) {
  if (logits.dtype() == f64) f(double{}); else f(float{});
}
int64_t grain(int64_t classes) { return std::max<int64_t>(1, pointwise_grain / 8 / std::max<int64_t>(1, classes)); }
}  // namespace

void op::CrossEntropy::forward(const Cpu&, const Tensor& logits, const Tensor& labels, const Tensor& weight, Tensor& loss, State& state) const {
  const int64_t n = logits.size(1), rows = labels.size();
  const Labels l(labels, weight, ignore_index);
  l.check(labels, n);
  state.log_sum_exp = empty({rows}, {f64});
  std::vector<double> losses(static_cast<size_t>(rows));
  const Tensor wide = widened(logits);
  in_type(logits, [&]<class T>(T) {
    const std::vector<T> w(l.weight.begin(), l.weight.end());
    const T* x = wide.data<T>();
    double* lse = output<double>(state.log_sum_exp);
    parallel_for(rows, grain(n), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        if (!l.counts(i)) { lse[i] = 0; continue; }
        const T* row = x + i * n;
        lse[i] = log_sum_exp(n, row);
        losses[size_t(i)] = (1 - label_smoothing) * l.of(i) * (lse[i] - double(row[l.label[size_t(i)]]));
        if (label_smoothing > 0) losses[size_t(i)] += label_smoothing / double(n) * distance(n, row, lse[i], w.empty() ? nullptr : w.data());
      }
    });
  });
  const double sum = l.sum();
  state.weight_sum = full({}, sum, {f64});
  reduce_losses(losses, reduction, sum, loss);
}

void op::CrossEntropy::backward(const Cpu&, const Tensor& logits, const Tensor& labels, const Tensor& weight, const Tensor&, const State& state, const Tensor& dloss, Tensor& dlogits,
                                Tensor&, Tensor&) const {
  const int64_t n = logits.size(1), rows = labels.size();
  const Labels l(labels, weight, ignore_index);
  const LossGradient g(dloss, reduction, state.weight_sum.item());
  double all = double(n);  // the weights of all classes
  if (weight) { all = 0; for (double w : l.weight) all += w; }
  const Tensor wide = widened(logits);
  Widened wide_dx(dlogits);
  in_type(logits, [&]<class T>(T) {
    const std::vector<T> w(l.weight.begin(), l.weight.end());
    const T* x = wide.data<T>();
    const double* lse = state.log_sum_exp.data<double>();
    parallel_for(rows, grain(n), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        T* dx = output<T>(*wide_dx) + i * n;
        if (!l.counts(i)) { std::fill_n(dx, n, T(0)); continue; }
        const double hit = (1 - label_smoothing) * l.of(i), spread = label_smoothing / double(n);
        gradient(n, x + i * n, lse[i], g(i) * (hit + spread * all), g(i) * spread, w.empty() ? nullptr : w.data(), dx);
        dx[l.label[size_t(i)]] -= T(g(i) * hit);
      }
    });
  });
}

}  // namespace mica
