#include "mica/nn/init.h"
#include <cmath>
#include <numeric>
#include "mica/core/random.h"

namespace mica::init {
namespace {
void write(const Tensor& x, const Tensor& values) {
  NoGrad no_grad;
  copy(values, x);
}
std::span<double> elements(const Tensor& values) { return {values.data_mut<double>(), size_t(values.size())}; }
void need_positive(const char* what, double value) {
  if (!(value >= 0)) throw Error(std::string(what) + " is " + std::to_string(value) + "; it must be 0 or more");
}
double deviation_of(const Tensor& x, const Kaiming& k) {
  const Fans f = fans(x.shape());
  return gain(k.nonlinearity, k.slope) / std::sqrt(double(k.fan == Fan::in ? f.in : f.out));
}
double xavier_deviation(const Tensor& x, double gain) {
  const Fans f = fans(x.shape());
  return gain * std::sqrt(2.0 / double(f.in + f.out));
}
}  // namespace

Fans fans(const Shape& weight) {
  if (weight.rank() < 2) throw Error("fan in and fan out need a weight [out, in, ...], not " + to_string(weight));
  const int64_t window = weight.count() == 0 ? 0 : weight.count() / (weight[0] * weight[1]);
  return {weight[1] * window, weight[0] * window};
}

double gain(Nonlinearity nonlinearity, double slope) {
  switch (nonlinearity) {
    case Nonlinearity::linear: case Nonlinearity::sigmoid: return 1;
    case Nonlinearity::tanh: return 5.0 / 3;
    case Nonlinearity::relu: return std::sqrt(2.0);
    case Nonlinearity::leaky_relu: return std::sqrt(2 / (1 + slope * slope));
    case Nonlinearity::selu: return 0.75;
  }
  return 1;
}

void constant(const Tensor& x, double value) { NoGrad no_grad; fill(x, value); }
void zeros(const Tensor& x) { constant(x, 0); }
void ones(const Tensor& x) { constant(x, 1); }
void uniform(const Tensor& x, double low, double high) { write(x, mica::uniform(x.shape(), low, high, {f64})); }

void normal(const Tensor& x, Normal o) {
  need_positive("normal: the deviation", o.deviation);
  const Tensor values = randn(x.shape(), {f64});
  for (double& v : elements(values)) v = o.mean + o.deviation * v;
  write(x, values);
}

// Giles 2010, "Approximating the erfinv function", as a start; two steps of Halley on erf bring it to double.
double erf_inverse(double y) {
  if (!(std::abs(y) < 1)) return std::abs(y) == 1 ? std::copysign(HUGE_VAL, y) : std::nan("");
  double w = -std::log((1 - y) * (1 + y)), x;
  if (w < 5) {
    w -= 2.5;
    x = 2.81022636e-08;
    for (double c : {3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164, 0.246640727, 1.50140941}) x = c + x * w;
  } else {
    w = std::sqrt(w) - 3;
    x = -0.000200214257;
    for (double c : {0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047, 1.00167406, 2.83297682}) x = c + x * w;
  }
  x *= y;
  for (int step = 0; step < 2; ++step) {
    const double error = std::erf(x) - y, slope = 2 / std::sqrt(M_PI) * std::exp(-x * x);
    x -= error / (slope + x * error);
  }
  return x;
}

void truncated_normal(const Tensor& x, TruncatedNormal o) {
  need_positive("truncated_normal: the deviation", o.deviation);
  if (!(o.low <= o.high)) throw Error("truncated_normal: low " + std::to_string(o.low) + " is above high " + std::to_string(o.high));
  const double scale = o.deviation * std::sqrt(2.0), from_y = std::erf((o.low - o.mean) / scale), to_y = std::erf((o.high - o.mean) / scale);
  const Tensor values = mica::uniform(x.shape(), from_y, to_y, {f64});
  for (double& v : elements(values)) v = std::clamp(o.mean + scale * erf_inverse(v), o.low, o.high);
  write(x, values);
}

void xavier_uniform(const Tensor& x, double gain) {
  const double bound = std::sqrt(3.0) * xavier_deviation(x, gain);
  uniform(x, -bound, bound);
}
void xavier_normal(const Tensor& x, double gain) { normal(x, {0, xavier_deviation(x, gain)}); }
void kaiming_uniform(const Tensor& x, Kaiming options) {
  const double bound = std::sqrt(3.0) * deviation_of(x, options);
  uniform(x, -bound, bound);
}
void kaiming_normal(const Tensor& x, Kaiming options) { normal(x, {0, deviation_of(x, options)}); }

namespace {
// Householder's QR of a (rows >= columns, stored column by column): a becomes Q with the signs of R's diagonal, columns orthonormal.
void orthonormalise(std::vector<double>& a, size_t rows, size_t columns) {
  std::vector<double> sign(columns);
  std::vector<std::vector<double>> reflectors(columns);
  auto reflect = [&](const std::vector<double>& v, size_t k, double* column) {  // column -= 2 v (v . column), over rows k..
    double dot = 0;
    for (size_t i = k; i < rows; ++i) dot += v[i - k] * column[i];
    for (size_t i = k; i < rows; ++i) column[i] -= 2 * dot * v[i - k];
  };
  for (size_t k = 0; k < columns; ++k) {
    std::vector<double> v(a.begin() + std::ptrdiff_t(k * rows + k), a.begin() + std::ptrdiff_t((k + 1) * rows));
    const double norm = std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0));
    sign[k] = v[0] > 0 ? -1 : 1;  // R's diagonal is sign norm
    v[0] -= sign[k] * norm;
    const double length = std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0));
    if (length > 0) for (double& each : v) each /= length;
    for (size_t j = k; j < columns; ++j) reflect(v, k, &a[j * rows]);
    reflectors[k] = std::move(v);
  }
  std::fill(a.begin(), a.end(), 0.0);
  for (size_t j = 0; j < columns; ++j) {
    a[j * rows + j] = sign[j];
    for (size_t k = j + 1; k-- > 0;) reflect(reflectors[k], k, &a[j * rows]);
  }
}
}  // namespace

void orthogonal(const Tensor& x, double gain) {
  if (x.rank() < 2) throw Error("orthogonal needs a tensor of rank 2 or more, not " + to_string(x.shape()));
  if (x.size() == 0) return;
  const size_t out = size_t(x.shape()[0]), in = size_t(x.size()) / out, rows = std::max(in, out), columns = std::min(in, out);
  std::vector<double> a = randn({int64_t(rows), int64_t(columns)}, {f64}).to_vector<double>(), values(a.size());
  std::vector<double> by_column(a.size());
  for (size_t i = 0; i < rows; ++i) for (size_t j = 0; j < columns; ++j) by_column[j * rows + i] = a[i * columns + j];
  orthonormalise(by_column, rows, columns);
  for (size_t o = 0; o < out; ++o)
    for (size_t i = 0; i < in; ++i) values[o * in + i] = gain * (out <= in ? by_column[o * rows + i] : by_column[i * rows + o]);
  write(x, from(values, x.shape()));
}

void sparse(const Tensor& x, Sparse o) {
  if (x.rank() != 2) throw Error("sparse needs a matrix, not " + to_string(x.shape()));
  if (!(o.share >= 0 && o.share <= 1)) throw Error("sparse: the share of zeros is " + std::to_string(o.share) + ", outside 0 to 1");
  const size_t rows = size_t(x.shape()[0]), columns = size_t(x.shape()[1]), zeros = size_t(std::ceil(o.share * double(rows)));
  std::vector<double> values = randn(x.shape(), {f64}).to_vector<double>(), keys = rand(x.shape(), {f64}).to_vector<double>();
  for (double& v : values) v *= o.deviation;
  std::vector<size_t> order(rows);
  for (size_t j = 0; j < columns; ++j) {
    std::iota(order.begin(), order.end(), size_t(0));
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return keys[a * columns + j] < keys[b * columns + j]; });
    for (size_t i = 0; i < zeros; ++i) values[order[i] * columns + j] = 0;
  }
  write(x, from(values, x.shape()));
}

void as_layer(const Tensor& weight, const Tensor& bias) {
  const double bound = 1 / std::sqrt(double(std::max<int64_t>(1, fans(weight.shape()).in)));
  uniform(weight, -bound, bound);
  if (bias) uniform(bias, -bound, bound);
}

}  // namespace mica::init
