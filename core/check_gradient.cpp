#include "mica/core/check_gradient.h"
#include <algorithm>
#include <cmath>
#include <sstream>
#include "mica/core/kernels.h"
#include "mica/core/ops/pointwise.h"
#include "mica/core/philox.h"
#include "mica/core/random.h"

namespace mica {
namespace {
constexpr uint64_t weights_seed = 1, sample_seed = 2;  // Philox keys: the program's own random state is not touched

class Checker {
 public:
  Checker(const ManyToMany& f, const std::vector<Tensor>& inputs, const GradientOptions& options) : f_(f), options_(options), start_(random_state()) {
    bool any_wanted = false, any_float = false;
    for (const Tensor& x : inputs) if (x) { any_wanted |= x.requires_grad(); any_float |= is_float(x.dtype()); }
    if (!any_float) throw Error("check_gradient: there is no float input");
    for (const Tensor& given : inputs) {
      Tensor x = given;
      if (x && is_float(x.dtype())) {
        x = empty(given.shape(), {f64, given.device()});
        copy_into(x, given.detach());
        x.set_requires_grad(any_wanted ? given.requires_grad() : true);
      }
      x_.push_back(x);
    }
  }

  GradientReport run() {
    differentiate();
    for (size_t i = 0; i < x_.size(); ++i) if (x_[i] && x_[i].requires_grad()) check_input(i);
    set_random_state(start_);
    evaluate();  // the random state goes on as after one call
    report_.ok = report_.wrong == 0;
    describe_worst();
    return std::move(report_);
  }

 private:
  std::vector<Tensor> evaluate() {
    set_random_state(start_);
    std::vector<Tensor> y = f_(x_);
    for (const Tensor& t : y) if (t && !is_float(t.dtype())) throw Error("check_gradient: an output is " + describe(t) + "; it needs to be a float");
    return y;
  }

  // The weights of an output: numbers in [0.5, 1.5] of either sign.
  const std::vector<double>& weights(size_t output, size_t n) {
    if (weights_.size() <= output) weights_.resize(output + 1);
    std::vector<double>& w = weights_[output];
    for (size_t i = w.size(); i < n; ++i) {
      const uint32_t word = philox(weights_seed, output, i / 4).word[i % 4];
      w.push_back((word & 1 ? 1 : -1) * (0.5 + uniform_from(word)));
    }
    return w;
  }

  // L in double, summed by value: independent of the ops under test. `scale` receives the sum of |w y|.
  double loss(double* scale = nullptr) {
    const NoGrad no_grad;
    const std::vector<Tensor> y = evaluate();
    double sum = 0, absolute = 0;
    for (size_t k = 0; k < y.size(); ++k) {
      if (!y[k]) continue;
      const std::vector<double> v = y[k].to_vector<double>(), &w = weights(k, v.size());
      for (size_t i = 0; i < v.size(); ++i) { sum += w[i] * v[i]; absolute += std::abs(w[i] * v[i]); }
    }
    if (scale) *scale = absolute;
    return sum;
  }

  void differentiate() {
    const std::vector<Tensor> y = evaluate();
    bool any = false;
    for (size_t k = 0; k < y.size(); ++k) {
      if (!y[k] || !y[k].requires_grad()) continue;
      const std::vector<double>& w = weights(k, size_t(y[k].size()));
      y[k].backward(from(std::vector<double>(w.begin(), w.begin() + y[k].size()), y[k].shape(), {y[k].dtype(), y[k].device()}), {.retain_graph = true});
      any = true;
    }
    if (!any) throw Error("check_gradient: no output requires grad: nothing connects it with the inputs");
    loss(&scale_);
  }

  void check_input(size_t i) {
    const Tensor& x = x_[i];
    const std::vector<double> analytic = x.grad() ? x.grad().to_vector<double>() : std::vector<double>(size_t(x.size()));
    std::vector<double> values = x.detach().to_vector<double>();
    const bool sampled = x.size() > options_.max_elements;
    const int64_t n = sampled ? options_.max_elements : x.size();
    for (int64_t k = 0; k < n; ++k) {
      int64_t e = k;
      if (sampled) {  // one of each n-th part
        const int64_t begin = x.size() * k / n, end = x.size() * (k + 1) / n;
        e = begin + int64_t(philox(sample_seed, i, uint64_t(k)).word[0] % uint64_t(end - begin));
      }
      const double value = values[size_t(e)], h = options_.step * std::max(1.0, std::abs(value));
      const double above = with(x, values, e, value + h), below = with(x, values, e, value - h);
      with(x, values, e, value, false);
      compare(i, e, analytic[size_t(e)], (above - below) / ((value + h) - (value - h)), h);
    }
  }
  double with(const Tensor& x, std::vector<double>& values, int64_t e, double v, bool evaluated = true) {
    values[size_t(e)] = v;
    const NoGrad no_grad;
    copy(full({}, v, {f64, x.device()}), alias(x, {}, {}, e));  // x is row-major
    return evaluated ? loss() : 0;
  }

  void compare(size_t i, int64_t e, double analytic, double numeric, double h) {
    ++report_.checked;
    const double allowed = options_.tolerance * (1 + std::abs(numeric)) + 16 * 0x1p-52 * scale_ / h;
    double error = std::abs(analytic - numeric) / allowed;
    if (!(error >= 0)) error = std::isnan(analytic) && std::isnan(numeric) ? 0 : HUGE_VAL;
    report_.wrong += error > 1;
    if (report_.input >= 0 && error <= report_.error) return;
    report_.error = error; report_.input = int(i); report_.analytic = analytic; report_.numeric = numeric;
    report_.at = x_[i].shape();
    for (int d = x_[i].rank() - 1; d >= 0; e /= x_[i].shape()[d--]) report_.at[d] = e % x_[i].shape()[d];
  }

  void describe_worst() {
    std::ostringstream text;
    text.precision(10);
    if (report_.wrong) text << report_.wrong << " of " << report_.checked << " gradients are wrong; the worst: ";
    else text << report_.checked << " gradients are right; the largest difference: ";
    if (report_.input < 0) text << "none";
    else {
      const size_t i = size_t(report_.input);
      text << (i < options_.names.size() ? options_.names[i] : "x[" + std::to_string(i) + "]") << to_string(report_.at) << ": backward gives " << report_.analytic << ", differences give " << report_.numeric;
      text.precision(3);
      text << " (" << report_.error << " times what is allowed)";
    }
    report_.text = text.str();
  }

  const ManyToMany& f_;
  const GradientOptions& options_;
  const RandomState start_;
  std::vector<Tensor> x_;
  std::vector<std::vector<double>> weights_;
  double scale_ = 0;
  GradientReport report_;
};
}  // namespace

void detail::check_input_count(size_t have, size_t wanted) {
  if (have != wanted) throw Error("check_gradient: f takes " + std::to_string(wanted) + " tensors, there are " + std::to_string(have) + " inputs");
}

GradientReport check_gradient(const ManyToMany& f, const std::vector<Tensor>& inputs, const GradientOptions& options) {
  return Checker(f, inputs, options).run();
}

}  // namespace mica
