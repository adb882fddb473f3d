#include <cmath>
#include <set>
#include "mica/core/random.h"
#include "mica/nn/init.h"
#include "mica/tests/op_case.h"

using namespace mica;
using mica::testing::error_of;

namespace {
struct Moments { double mean = 0, deviation = 0, low = HUGE_VAL, high = -HUGE_VAL; };
Moments moments(const Tensor& x) {
  Moments m;
  const auto v = x.to_vector<double>();
  for (double e : v) { m.mean += e / double(v.size()); m.low = std::min(m.low, e); m.high = std::max(m.high, e); }
  for (double e : v) m.deviation += (e - m.mean) * (e - m.mean) / double(v.size());
  m.deviation = std::sqrt(m.deviation);
  return m;
}
// The mean is within 5 standard errors, the deviation within 3 %, nothing outside [low, high] and something close to both ends.
void expect_moments(const Tensor& x, double mean, double deviation, double low = -HUGE_VAL, double high = HUGE_VAL) {
  const Moments m = moments(x);
  EXPECT_NEAR(m.mean, mean, 5 * deviation / std::sqrt(double(x.size())));
  EXPECT_NEAR(m.deviation, deviation, 0.03 * deviation);
  EXPECT_GE(m.low, low);
  EXPECT_LE(m.high, high);
  if (low > -HUGE_VAL) { EXPECT_LT(m.low, low + 0.01 * (high - low)); EXPECT_GT(m.high, high - 0.01 * (high - low)); }
}
Tensor weight(const Shape& shape) { return empty(shape, {f32}).set_requires_grad(); }
}  // namespace

TEST(Init, FansCountTheWindow) {
  EXPECT_EQ(init::fans({10, 4}).in, 4);
  EXPECT_EQ(init::fans({10, 4}).out, 10);
  EXPECT_EQ(init::fans({10, 4, 3, 5}).in, 60);
  EXPECT_EQ(init::fans({10, 4, 3, 5}).out, 150);
  EXPECT_EQ(error_of([] { init::fans({3}); }), "fan in and fan out need a weight [out, in, ...], not [3]");
}

TEST(Init, Gains) {
  using N = init::Nonlinearity;
  EXPECT_EQ(init::gain(N::linear), 1);
  EXPECT_EQ(init::gain(N::sigmoid), 1);
  EXPECT_DOUBLE_EQ(init::gain(N::tanh), 1.6666666666666667);
  EXPECT_DOUBLE_EQ(init::gain(N::relu), 1.4142135623730951);
  EXPECT_DOUBLE_EQ(init::gain(N::leaky_relu, 0.2), 1.3867504905630728);
  EXPECT_EQ(init::gain(N::selu), 0.75);
}

TEST(Init, Constants) {
  Tensor x = weight({3, 2});
  init::constant(x, 2.5);
  EXPECT_EQ(x.to_vector<float>(), std::vector<float>(6, 2.5f));
  init::ones(x);
  EXPECT_EQ(x.to_vector<float>(), std::vector<float>(6, 1.f));
  init::zeros(x);
  EXPECT_EQ(x.to_vector<float>(), std::vector<float>(6, 0.f));
  EXPECT_TRUE(x.requires_grad());
}

TEST(Init, Distributions) {
  seed(3);
  Tensor x = weight({200, 100});
  init::uniform(x, -1, 3);
  expect_moments(x, 1, 4 / std::sqrt(12.0), -1, 3);
  init::normal(x, {.mean = 2, .deviation = 0.5});
  expect_moments(x, 2, 0.5);
  init::xavier_uniform(x, 2);  // bound: 2 sqrt(6 / 300)
  expect_moments(x, 0, 2 * std::sqrt(2.0 / 300), -0.28284272, 0.28284272);
  init::xavier_normal(x);
  expect_moments(x, 0, std::sqrt(2.0 / 300));
  Tensor conv = weight({64, 32, 3, 3});
  init::kaiming_uniform(conv);  // bound: sqrt(6 / 288)
  expect_moments(conv, 0, std::sqrt(2.0 / 288), -0.14433757, 0.14433757);
  init::kaiming_normal(conv, {.fan = init::Fan::out});
  expect_moments(conv, 0, std::sqrt(2.0 / 576));
  init::kaiming_normal(conv, {.nonlinearity = init::Nonlinearity::leaky_relu, .slope = 1});
  expect_moments(conv, 0, std::sqrt(1.0 / 288));
}

TEST(Init, TruncatedNormal) {
  seed(4);
  Tensor x = weight({300, 100});
  init::truncated_normal(x);                          // deviation of a normal cut at 2 deviations: sqrt(1 - 4 phi(2) / (2 Phi(2) - 1))
  expect_moments(x, 0, 0.8796256610342398, -2, 2);
  init::truncated_normal(x, {.mean = 1, .deviation = 2, .low = 0, .high = 1e9});  // scipy.stats.truncnorm(-0.5, inf, 1, 2)
  const Moments m = moments(x);
  EXPECT_NEAR(m.mean, 2.018320868, 0.05);
  EXPECT_GE(m.low, 0);
  for (double y : {-0.999999, -0.9, -0.3, 0.0, 1e-9, 0.5, 0.84270079294971487, 0.99999999}) EXPECT_NEAR(std::erf(init::erf_inverse(y)), y, 3e-16);
  EXPECT_NEAR(init::erf_inverse(0.84270079294971487), 1, 1e-14);
}

TEST(Init, OrthogonalRowsOrColumns) {
  seed(5);
  for (const Shape& shape : {Shape{7, 7}, Shape{5, 12}, Shape{12, 5}, Shape{4, 3, 2, 2}, Shape{1, 3}, Shape{1, 1}}) {
    Tensor x = empty(shape, {f64});
    init::orthogonal(x, 3);
    const auto v = x.to_vector<double>();
    const int64_t out = shape[0], in = x.size() / out, n = std::min(in, out), m = std::max(in, out);
    for (int64_t a = 0; a < n; ++a) for (int64_t b = 0; b < n; ++b) {
      double dot = 0;
      for (int64_t i = 0; i < m; ++i) dot += out <= in ? v[a * in + i] * v[b * in + i] : v[i * in + a] * v[i * in + b];
      EXPECT_NEAR(dot, a == b ? 9 : 0, 1e-12) << to_string(shape);
    }
  }
  double trace = 0;  // uniform over orthogonal matrices: the mean of the trace is 0, its variance 1
  for (int i = 0; i < 400; ++i) {
    Tensor x = empty({4, 4}, {f64});
    init::orthogonal(x);
    for (int j = 0; j < 4; ++j) trace += x[j][j].item() / 400;
  }
  EXPECT_NEAR(trace, 0, 0.25);
}

TEST(Init, SparseColumns) {
  seed(6);
  Tensor x = weight({10, 50});
  init::sparse(x, {.share = 0.75, .deviation = 2});
  std::set<std::vector<bool>> patterns;
  for (int j = 0; j < 50; ++j) {
    std::vector<bool> zero;
    for (int i = 0; i < 10; ++i) zero.push_back(x[i][j].item() == 0);
    EXPECT_EQ(std::count(zero.begin(), zero.end(), true), 8);
    patterns.insert(zero);
  }
  EXPECT_GT(patterns.size(), 20u);
}

TEST(Init, TheSameValuesForAnyLayoutAndDtypeAndAgain) {
  Tensor rows = empty({4, 3, 2, 2}, {f32}), channels = empty({4, 3, 2, 2}, {f32}, Layout::channels_last), doubles = empty({4, 3, 2, 2}, {f64});
  for (const Tensor& x : {rows, channels, doubles}) { seed(9); init::kaiming_normal(x); }
  EXPECT_EQ(rows.to_vector<float>(), channels.to_vector<float>());
  EXPECT_EQ(rows.to_vector<float>(), doubles.to_vector<float>());
  init::kaiming_normal(rows);
  EXPECT_NE(rows.to_vector<float>(), channels.to_vector<float>());
}

TEST(Init, LayersStartAsInPyTorch) {
  seed(7);
  Tensor w = weight({300, 100}), b = weight({1000});
  init::as_layer(w, b);
  expect_moments(w, 0, 0.1 / std::sqrt(3.0), -0.1, 0.1);
  expect_moments(b, 0, 0.1 / std::sqrt(3.0), -0.1, 0.1);
}

TEST(Init, Errors) {
  Tensor x = weight({4}), m = weight({4, 4});
  EXPECT_EQ(error_of([&] { init::orthogonal(x); }), "orthogonal needs a tensor of rank 2 or more, not [4]");
  EXPECT_EQ(error_of([&] { init::sparse(x); }), "sparse needs a matrix, not [4]");
  EXPECT_EQ(error_of([&] { init::normal(m, {.deviation = -1}); }), "normal: the deviation is -1.000000; it must be 0 or more");
  EXPECT_EQ(error_of([&] { init::truncated_normal(m, {.low = 1, .high = 0}); }), "truncated_normal: low 1.000000 is above high 0.000000");
}
