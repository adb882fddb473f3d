#include <cmath>
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

namespace {
// The definition, from probabilities in long double; logits as rows of classes.
std::vector<double> by_definition(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& o) {
  const std::vector<double> x = logits.to_vector<double>(), w = o.weight ? o.weight.to_vector<double>() : std::vector<double>(size_t(logits.size(1)), 1);
  const std::vector<int64_t> l = labels.to_vector<int64_t>();
  const size_t classes = w.size(), n = size_t(logits.size(0)), inner = l.size() / std::max<size_t>(n, 1);
  std::vector<double> losses;
  long double total = 0, weights = 0;
  for (size_t i = 0; i < l.size(); ++i) {
    if (l[i] == o.ignore_index) { losses.push_back(0); continue; }
    auto at = [&](size_t c) { return (long double)(x[(i / inner * classes + c) * inner + i % inner]); };
    long double sum = 0, loss = 0;
    for (size_t c = 0; c < classes; ++c) sum += expl(at(c));
    for (size_t c = 0; c < classes; ++c) {
      const long double target = (size_t(l[i]) == c ? 1 - o.label_smoothing : 0) + o.label_smoothing / double(classes);
      loss -= target * w[c] * logl(expl(at(c)) / sum);
    }
    losses.push_back(double(loss));
    total += loss;
    weights += w[size_t(l[i])];
  }
  if (o.reduction == Reduction::none) return losses;
  return {double(o.reduction == Reduction::sum ? total : total / weights)};
}
Tensor some_ignored(const Shape& s, int64_t classes, int64_t mark) {
  std::vector<int64_t> v = ids(s, classes).to_vector<int64_t>();
  for (size_t i = 1; i < v.size(); i += 3) v[i] = mark;
  return from(v, s);
}
}  // namespace

TEST(CrossEntropy, Cases) {
  const Shape shapes[] = {{4, 3}, {1, 1}, {5, 10}, {3, 17}, {2, 33}, {2, 5, 3}, {2, 3, 2, 3}, {70, 2}, {1, 4}, {6, 2}, {3, 2}, {2, 7}, {1, 5, 1}, {3, 2, 4}, {2, 4, 1},
                          {1, 3, 1, 2}, {2, 2, 3, 1}, {1, 6, 2, 2}, {2, 3, 1, 2, 2}, {1, 2, 2, 1, 3}};
  std::vector<OpCase> cases;
  for (const Shape& s : shapes) {
    const int64_t classes = s[1];
    Shape l = s;
    l.erase(1);
    for (int k = 0; k < 6; ++k) {
      CrossEntropyOptions o;
      Tensor labels = ids(l, classes);
      if (k == 1) o.reduction = Reduction::sum;
      if (k == 2) o.reduction = Reduction::none;
      if (k == 3 || k == 5) o.weight = positive({classes}, 5);
      if (k == 4 || k == 5) o.label_smoothing = 0.2;
      if (k == 5) labels = some_ignored(l, classes, o.ignore_index);
      OpCase c{"cross_entropy " + to_string(s) + " variant " + std::to_string(k), {normal(s), labels}, [o](auto& x) { return cross_entropy(x[0], x[1], o); },
               [o](auto& x) { return by_definition(x[0], x[1], o); }, s.count() + 8, true};
      c.gradient_tolerance = 1e-5;
      cases.push_back(c);
    }
  }
  check_all(cases);
}

TEST(Nll, Cases) {
  std::vector<OpCase> cases;
  for (const Shape& s : std::vector<Shape>{{4, 3}, {1, 1}, {5, 10}, {2, 5, 3}, {2, 3, 2, 3}, {3, 17}, {70, 2}, {1, 4}, {6, 1}, {3, 2}, {2, 7}, {1, 5, 1}, {3, 2, 4},
                                          {2, 4, 1}, {1, 3, 1, 2}, {2, 2, 3, 1}, {1, 6, 2, 2}, {2, 3, 1, 2, 2}, {1, 2, 2, 1, 3}, {9, 3}}) {
    Shape l = s;
    l.erase(1);
    for (int k = 0; k < 4; ++k) {
      CrossEntropyOptions o;
      Tensor labels = ids(l, s[1]);
      if (k == 1) o.reduction = Reduction::sum;
      if (k == 2) o.reduction = Reduction::none;
      if (k == 3) { o.weight = positive({s[1]}, 5); labels = some_ignored(l, s[1], o.ignore_index); }
      const NllOptions nll_options{o.weight, o.ignore_index, o.reduction};
      cases.push_back({"nll " + to_string(s) + " variant " + std::to_string(k), {log_softmax(normal(s), 1), labels}, [=](auto& x) { return nll(x[0], x[1], nll_options); },
                       [=](auto& x) { return by_definition(x[0], x[1], o); }, s.count() + 8, true});
    }
  }
  check_all(cases);
}

TEST(CrossEntropy, EqualsNllOfLogSoftmax) {
  const Tensor x = cast(normal({60, 7, 5}), f32).detach(), labels = cast(some_ignored({60, 5}, 7, 3), i32);
  x.set_requires_grad();
  const Tensor a = cross_entropy(x, labels, {.ignore_index = 3});
  a.backward();
  const std::vector<double> da = x.grad().to_vector<double>();
  x.zero_grad();
  const Tensor b = nll(log_softmax(x, 1), labels, {.ignore_index = 3});
  b.backward();
  const std::vector<double> db = x.grad().to_vector<double>();
  EXPECT_NEAR(a.item(), b.item(), 1e-6);
  for (size_t i = 0; i < da.size(); ++i) ASSERT_NEAR(da[i], db[i], 1e-8);
}

TEST(CrossEntropy, ConfidentLogitsKeepTheirSmallLoss) {  // log1p(exp(-d)) with d the distance of two logits, far from 0
  for (double d : {1.0, 5.0, 12.0, 40.0}) {
    const Tensor x = tensor({{1024 + d, 1024}}, {f32});
    EXPECT_NEAR(cross_entropy(x, from<int64_t>({0})).item() / std::log1p(std::exp(-d)), 1, d < 10 ? 1e-4 : 1) << d;
    EXPECT_NEAR(cross_entropy(x, from<int64_t>({1})).item(), d + std::log1p(std::exp(-d)), 1e-5);
  }
}

TEST(CrossEntropy, InfiniteLogits) {
  const double inf = INFINITY;
  for (DType t : {f64, f32}) {
    const Tensor x = tensor({{0, -inf}, {-inf, 0}, {-inf, -inf}, {NAN, 0}}, {t}).set_requires_grad();
    const Tensor y = cross_entropy(x, from<int64_t>({0, 0, 0, 1}), {.reduction = Reduction::none});
    EXPECT_EQ(y[0].item(), 0);
    EXPECT_EQ(y[1].item(), inf);
    EXPECT_TRUE(std::isnan(y[2].item()));
    EXPECT_TRUE(std::isnan(y[3].item()));
    y.backward(ones({4}, {t}));
    EXPECT_EQ(x.grad()[0].to_vector<double>(), (std::vector<double>{0, 0}));
    EXPECT_EQ(x.grad()[1].to_vector<double>(), (std::vector<double>{-1, 1}));
    EXPECT_TRUE(std::isnan(x.grad()[3][0].item()) && std::isnan(x.grad()[3][1].item()));
  }
}

TEST(CrossEntropy, NothingToAverage) {
  const Tensor x = zeros({2, 3}).set_requires_grad(), ignored = from<int64_t>({-100, -100});
  const Tensor y = cross_entropy(x, ignored);
  EXPECT_TRUE(std::isnan(y.item()));
  y.backward();
  EXPECT_EQ(x.grad().to_vector<double>(), std::vector<double>(6, 0.0));
  EXPECT_EQ(cross_entropy(x, ignored, {.reduction = Reduction::sum}).item(), 0);
  EXPECT_TRUE(std::isnan(nll(x, ignored).item()));
  EXPECT_TRUE(std::isnan(cross_entropy(zeros({0, 3}), from(std::vector<int64_t>{})).item()));
  EXPECT_EQ(cross_entropy(zeros({0, 3}), from(std::vector<int64_t>{}), {.reduction = Reduction::none}).shape(), (Shape{0}));
}

TEST(CrossEntropy, ResultDtypes) {
  const Tensor labels = from<int32_t>({1, 2});
  for (DType t : {f64, f32, bf16, f16}) EXPECT_EQ(cross_entropy(zeros({2, 3}, {t}), labels).dtype(), t == f64 ? f64 : f32);
  const Tensor x = zeros({2, 3}, {bf16}).set_requires_grad();
  cross_entropy(x, labels).backward();
  EXPECT_EQ(x.grad().dtype(), bf16);
}

TEST(CrossEntropy, SaysWhatIsWrong) {
  const Tensor x = zeros({2, 3});
  EXPECT_EQ(error_of([&] { cross_entropy(x, from<int64_t>({1, 3})); }),
            "cross_entropy: labels[1] is 3; it must be in [0, 3)\n  logits: f32[2, 3] on cpu\n  labels: i64[2] on cpu");
  EXPECT_EQ(error_of([&] { nll(zeros({2, 3, 2}), from<int32_t>({0, 1, -7, 2})); }).substr(0, 28), "nll: labels must be [2, 2], ");
  EXPECT_EQ(error_of([&] { nll(zeros({2, 3, 2}), reshape(from<int32_t>({0, 1, -7, 2}), {2, 2})); }),
            "nll: labels[1, 0] is -7; it must be in [0, 3)\n  log_probabilities: f32[2, 3, 2] on cpu\n  labels:            i32[2, 2] on cpu");
  EXPECT_EQ(error_of([&] { cross_entropy(x, from<int64_t>({1, 2, 0})); }),
            "cross_entropy: labels must be [2], not [3]\n  logits: f32[2, 3] on cpu\n  labels: i64[3] on cpu");
  EXPECT_EQ(error_of([&] { cross_entropy(x, zeros({2, 3})); }),
            "cross_entropy: labels must be class indices in i64 or i32, not f32\n  logits: f32[2, 3] on cpu\n  labels: f32[2, 3] on cpu");
  EXPECT_EQ(error_of([&] { cross_entropy(x, from<int64_t>({1, 2}), {.weight = ones({2})}); }),
            "cross_entropy: weight must be [3], one for each class\n  logits: f32[2, 3] on cpu\n  labels: i64[2] on cpu\n  weight: f32[2] on cpu");
  EXPECT_EQ(error_of([&] { cross_entropy(x, from<int64_t>({1, 2}), {.label_smoothing = 1.5}); }),
            "cross_entropy: label_smoothing is 1.500000; it must be in [0, 1]\n  logits: f32[2, 3] on cpu\n  labels: i64[2] on cpu");
}

TEST(CrossEntropy, SameOnOneAndTwoThreads) {
  const int before = threads();
  const Tensor x = uniform({4000, 21}, -5, 5).set_requires_grad(), labels = ids({4000}, 21);
  std::vector<std::vector<double>> results;
  for (int n : {1, 2}) {
    set_threads(n);
    x.zero_grad();
    const Tensor y = cross_entropy(x, labels, {.label_smoothing = 0.1});
    y.backward();
    results.push_back(x.grad().to_vector<double>());
    results.back().push_back(y.item());
  }
  EXPECT_EQ(results[0], results[1]);
  set_threads(before);
}
