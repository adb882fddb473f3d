#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include "mica/core/philox.h"
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using mica::testing::error_of;
using Doubles = std::vector<double>;

TEST(Random, PhiloxGivesThePublishedWords) {  // Random123, tests/kat_vectors: philox4x32 10
  struct Row { uint64_t seed, call, block; std::array<uint32_t, 4> word; };
  for (const Row& r : {Row{0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
                       Row{~0ull, ~0ull, ~0ull, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
                       Row{0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}}) {
    const Philox p = philox(r.seed, r.call, r.block);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(p.word[i], r.word[size_t(i)]);
  }
}

namespace {
struct Moments { double mean = 0, variance = 0, skewness = 0, kurtosis = 0, least = HUGE_VAL, most = -HUGE_VAL; };
Moments moments(const Doubles& v) {
  Moments m;
  for (const double x : v) { m.mean += x; m.least = std::min(m.least, x); m.most = std::max(m.most, x); }
  m.mean /= double(v.size());
  for (const double x : v) { const double d = x - m.mean; m.variance += d * d; m.skewness += d * d * d; m.kurtosis += d * d * d * d; }
  m.variance /= double(v.size());
  m.skewness /= double(v.size()) * std::pow(m.variance, 1.5);
  m.kurtosis /= double(v.size()) * m.variance * m.variance;
  return m;
}
// Pearson's statistic of `v` in equal bins of [low, high), less its mean, over its standard deviation: beyond 5 once in a million or so.
double unevenness(const Doubles& v, double low, double high, size_t bins) {
  std::vector<double> count(bins);
  for (const double x : v) ++count[size_t((x - low) / (high - low) * double(bins))];
  const double expected = double(v.size()) / double(bins);
  double chi2 = 0;
  for (const double c : count) chi2 += (c - expected) * (c - expected) / expected;
  return (chi2 - double(bins - 1)) / std::sqrt(2 * double(bins - 1));
}
double correlation(const Doubles& v, size_t lag) {  // in standard deviations
  const Moments m = moments(v);
  double sum = 0;
  for (size_t i = lag; i < v.size(); ++i) sum += (v[i] - m.mean) * (v[i - lag] - m.mean);
  return sum / (m.variance * std::sqrt(double(v.size() - lag)));
}
constexpr int64_t n = 400000;
}  // namespace

TEST(Random, Uniform) {
  seed(1);
  const Doubles v = rand({n}, {f64}).to_vector<double>();
  const Moments m = moments(v);
  EXPECT_NEAR(m.mean, 0.5, 5 / std::sqrt(12.0 * n));
  EXPECT_NEAR(m.variance, 1.0 / 12, 5 / std::sqrt(180.0 * n));
  EXPECT_GE(m.least, 0);
  EXPECT_LT(m.most, 1);
  EXPECT_LT(std::abs(unevenness(v, 0, 1, 1000)), 5);
  for (size_t lag : {1, 2, 3, 4, 5, 8}) EXPECT_LT(std::abs(correlation(v, lag)), 5) << lag;
  const Moments shifted = moments(uniform({n}, -3, 5).to_vector<double>());
  EXPECT_NEAR(shifted.mean, 1, 0.02);
  EXPECT_GE(shifted.least, -3);
  EXPECT_LT(shifted.most, 5);
  EXPECT_EQ(uniform({2}, 3, 3).to_vector<double>(), (Doubles{3, 3}));
}

TEST(Random, UniformStaysBelowOneInEveryDType) {
  for (const DType t : {f64, f32, f16, bf16}) {
    seed(2);
    const Doubles v = rand({n}, {t}).to_vector<double>();
    const Moments m = moments(v);
    EXPECT_GE(m.least, 0) << name_of(t);
    EXPECT_LT(m.most, 1) << name_of(t);
    EXPECT_NEAR(m.mean, 0.5 - (t == bf16 ? 0x1p-9 : t == f16 ? 0x1p-12 : 0), 0.003) << name_of(t);
    EXPECT_LT(std::abs(unevenness(v, 0, 1, 256)), 5) << name_of(t);
  }
}

TEST(Random, Normal) {
  seed(3);
  const Doubles v = randn({n}, {f64}).to_vector<double>();
  const Moments m = moments(v);
  EXPECT_NEAR(m.mean, 0, 5 / std::sqrt(double(n)));
  EXPECT_NEAR(m.variance, 1, 5 * std::sqrt(2.0 / n));
  EXPECT_NEAR(m.skewness, 0, 5 * std::sqrt(6.0 / n));
  EXPECT_NEAR(m.kurtosis, 3, 5 * std::sqrt(24.0 / n));
  for (size_t lag : {1, 2, 4}) EXPECT_LT(std::abs(correlation(v, lag)), 5) << lag;
  Doubles even;  // its distribution function makes it uniform
  for (const double x : v) even.push_back(0.5 * std::erfc(-x / std::sqrt(2.0)));
  EXPECT_LT(std::abs(unevenness(even, 0, 1, 1000)), 5);
}

TEST(Random, Integers) {
  seed(4);
  const Doubles v = randint(-5, 12, {n}).to_vector<double>();
  const Moments m = moments(v);
  EXPECT_EQ(m.least, -5);
  EXPECT_EQ(m.most, 11);
  EXPECT_LT(std::abs(unevenness(v, -5, 12, 17)), 5);
  EXPECT_EQ(describe(randint(0, 2, {3}, {u8})), "u8[3] on cpu");
  EXPECT_EQ(randint(7, 8, {2}).to_vector<double>(), (Doubles{7, 7}));
  const auto wide = randint(INT64_MIN, INT64_MAX, {1000}).to_vector<int64_t>();
  EXPECT_TRUE(std::any_of(wide.begin(), wide.end(), [](int64_t x) { return x < -(int64_t(1) << 62); }));
  EXPECT_TRUE(std::any_of(wide.begin(), wide.end(), [](int64_t x) { return x > int64_t(1) << 62; }));
}

TEST(Random, Permutations) {
  seed(5);
  for (const int64_t size : {0, 1, 2, 17, 1000}) {
    auto p = randperm(size).to_vector<int64_t>();
    const auto q = randperm(size).to_vector<int64_t>();
    if (size > 10) { EXPECT_NE(p, q); EXPECT_FALSE(std::is_sorted(p.begin(), p.end())); }
    std::sort(p.begin(), p.end());
    for (int64_t i = 0; i < size; ++i) ASSERT_EQ(p[size_t(i)], i);
  }
  std::map<std::vector<int64_t>, int> count;  // all 24 orders of 4, equally often
  for (int i = 0; i < 24000; ++i) ++count[randperm(4).to_vector<int64_t>()];
  EXPECT_EQ(count.size(), 24u);
  double chi2 = 0;
  for (auto& [order, c] : count) chi2 += (c - 1000.0) * (c - 1000.0) / 1000;
  EXPECT_LT(chi2, 23 + 5 * std::sqrt(46.0));
}

TEST(Random, TheStateIsTwoIntegers) {
  seed(6);
  const Doubles first = randn({7}).to_vector<double>();
  const RandomState at = random_state();
  EXPECT_EQ(at, (RandomState{6, 1}));
  const Doubles second = rand({5}).to_vector<double>(), third = randperm(9).to_vector<double>();
  EXPECT_EQ(random_state().call, 3u);
  set_random_state(at);
  EXPECT_EQ(rand({5}).to_vector<double>(), second);
  EXPECT_EQ(randperm(9).to_vector<double>(), third);
  seed(6);
  EXPECT_EQ(randn({7}).to_vector<double>(), first);
  EXPECT_NE(randn({7}).to_vector<double>(), first);  // another call
  seed(7);
  EXPECT_NE(randn({7}).to_vector<double>(), first);  // another seed
}

TEST(Random, NeitherShapeNorDTypeNorThreadsMatter) {
  const int before = threads();
  Doubles expected;
  for (const int t : {1, 2, 5}) {
    set_threads(t);
    seed(8);
    const Doubles v = rand({300, 1000}).to_vector<double>();
    if (expected.empty()) expected = v;
    EXPECT_EQ(v, expected);
  }
  set_threads(before);
  seed(8);
  Doubles part = rand({10}, {f64}).to_vector<double>();
  part.resize(10);
  EXPECT_EQ(part, Doubles(expected.begin(), expected.begin() + 10));
  seed(9);
  const Doubles exact = randn({20}, {f64}).to_vector<double>();
  seed(9);
  const Doubles single = randn({4, 5}).to_vector<double>();
  for (size_t i = 0; i < 20; ++i) EXPECT_EQ(single[i], double(float(exact[i])));
}

TEST(Random, Mistakes) {
  EXPECT_EQ(error_of([] { randint(3, 3, {1}); }), "randint: [3, 3) is empty");
  EXPECT_EQ(error_of([] { randperm(-1); }), "randperm: n is -1");
  EXPECT_EQ(error_of([] { uniform({1}, 2, 1); }), "uniform: low 2.000000 is above high 1.000000");
  EXPECT_EQ(error_of([] { uniform({1}, 0, NAN); }), "uniform: low 0.000000 is above high nan");
  EXPECT_EQ(error_of([] { rand({2}, {i64}); }), "uniform: needs a float dtype, not i64");
  EXPECT_EQ(error_of([] { randn({2}, {u8}); }), "randn: needs a float dtype, not u8");
  EXPECT_EQ(error_of([] { rand({-1}); }), "sizes cannot be negative: [-1]");
}
