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
template <class Options> Options on_device(Options o, const Tensor& like) {
  if (o.weight) o.weight = to(o.weight, like.device());
  return o;
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
      OpCase c{"cross_entropy " + to_string(s) + " variant " + std::to_string(k), {normal(s), labels}, [o](auto& x) { return cross_entropy(x[0], x[1], on_device(o, x[0])); },
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
      cases.push_back({"nll " + to_string(s) + " variant " + std::to_string(k), {log_softmax(normal(s), 1), labels}, [=](auto& x) { return nll(x[0], x[1], on_device(nll_options, x[0])); },
                       [=](auto& x) { return by_definition(x[0], x[1], o); }, s.count() + 8, true});
    }
  }
  check_all(cases);
}

TEST(CrossEntropy, EqualsNllOfLogSoftmax) {
  for (Device device : devices()) {
    const Tensor x = to(cast(normal({60, 7, 5}), f32), device).detach(), labels = to(cast(some_ignored({60, 5}, 7, 3), i32), device);
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
}

TEST(CrossEntropy, ConfidentLogitsKeepTheirSmallLoss) {  // log1p(exp(-d)) with d the distance of two logits, far from 0
  for (Device device : devices()) for (double d : {1.0, 5.0, 12.0, 40.0}) {
    const Tensor x = tensor({{1024 + d, 1024}}, {f32, device});
    EXPECT_NEAR(cross_entropy(x, to(from<int64_t>({0}), device)).item() / std::log1p(std::exp(-d)), 1, d < 10 ? 1e-4 : 1) << d;
    EXPECT_NEAR(cross_entropy(x, to(from<int64_t>({1}), device)).item(), d + std::log1p(std::exp(-d)), 1e-5);
  }
}

TEST(CrossEntropy, InfiniteLogits) {
  const double inf = INFINITY;
  for (Device device : devices()) for (DType t : {f64, f32}) {
    const Tensor x = tensor({{0, -inf}, {-inf, 0}, {-inf, -inf}, {NAN, 0}}, {t, device}).set_requires_grad();
    const Tensor y = cross_entropy(x, to(from<int64_t>({0, 0, 0, 1}), device), {.reduction = Reduction::none});
    EXPECT_EQ(y[0].item(), 0);
    EXPECT_EQ(y[1].item(), inf);
    EXPECT_TRUE(std::isnan(y[2].item()));
    EXPECT_TRUE(std::isnan(y[3].item()));
    y.backward(ones({4}, {t, device}));
    EXPECT_EQ(x.grad()[0].to_vector<double>(), (std::vector<double>{0, 0}));
    EXPECT_EQ(x.grad()[1].to_vector<double>(), (std::vector<double>{-1, 1}));
    EXPECT_TRUE(std::isnan(x.grad()[3][0].item()) && std::isnan(x.grad()[3][1].item()));
  }
}

TEST(CrossEntropy, NothingToAverage) {
  for (Device device : devices()) {
    const Tensor x = zeros({2, 3}, {f32, device}).set_requires_grad(), ignored = to(from<int64_t>({-100, -100}), device);
    const Tensor y = cross_entropy(x, ignored);
    EXPECT_TRUE(std::isnan(y.item()));
    y.backward();
    EXPECT_EQ(x.grad().to_vector<double>(), std::vector<double>(6, 0.0));
    EXPECT_EQ(cross_entropy(x, ignored, {.reduction = Reduction::sum}).item(), 0);
    EXPECT_TRUE(std::isnan(nll(x, ignored).item()));
    const Tensor nothing = zeros({0, 3}, {f32, device}), no_labels = zeros({0}, {i64, device});
    EXPECT_TRUE(std::isnan(cross_entropy(nothing, no_labels).item()));
    EXPECT_EQ(cross_entropy(nothing, no_labels, {.reduction = Reduction::sum}).item(), 0);
    EXPECT_TRUE(std::isnan(nll(nothing, no_labels).item()));
    EXPECT_EQ(cross_entropy(nothing, no_labels, {.reduction = Reduction::none}).shape(), (Shape{0}));
  }
}

TEST(CrossEntropy, ResultDtypes) {
  for (Device device : devices()) {
    const Tensor labels = to(from<int32_t>({1, 2}), device);
    for (DType t : {f64, f32, bf16, f16}) EXPECT_EQ(cross_entropy(zeros({2, 3}, {t, device}), labels).dtype(), t == f64 ? f64 : f32);
    const Tensor x = zeros({2, 3}, {bf16, device}).set_requires_grad();
    cross_entropy(x, labels).backward();
    EXPECT_EQ(x.grad().dtype(), bf16);
  }
}

// Rows of a warp, of a block, and longer than a block holds; more rows than blocks take at once; memory that is not aligned.
TEST(CrossEntropy, LargeOnCuda) {
  if (!cuda_available()) GTEST_SKIP() << "no GPU";
  for (const Shape& s : {Shape{300, 2}, Shape{5, 256}, Shape{3, 1000}, Shape{3, 513}, Shape{2, 4096}, Shape{2, 9000}, Shape{1, 17001}, Shape{4, 21, 9, 5}, Shape{2100, 516}})
    for (int k = 0; k < 3; ++k) {
      const bool shifted = k == 2, few = s.count() < 3000;
      if ((shifted && !few) || (k && s[0] > 2000)) continue;
      CrossEntropyOptions o;
      if (k == 1) { o.weight = positive({s[1]}, 5); o.label_smoothing = 0.2; }
      Shape l = s;
      l.erase(1);
      const Tensor labels = some_ignored(l, s[1], o.ignore_index);
      OpCase c{"cross_entropy " + to_string(s) + " variant " + std::to_string(k), {normal(shifted ? Shape{s.count() + 1} : s), labels}, {}, {}, s.count() + 8, true};
      c.op = [=](const Inputs& in) {
        return cross_entropy(shifted ? reshape(slice(in[0], 0, 1), s) : in[0], in[1], on_device(o, in[0]));
      };
      for (DType t : {f64, f32, bf16, f16}) if (few || t == f32 || (t == bf16 && s[0] < 2000)) check_dtype(c, t, cuda());
    }
}

TEST(CrossEntropy, LabelsOutOfRangeOnCuda) {  // the host learns of it when it waits; until then such a label does not count
  if (!cuda_available()) GTEST_SKIP() << "no GPU";
  const Tensor x = zeros({3, 4}, {f32, cuda()}).set_requires_grad();
  for (int64_t bad : {int64_t(4), int64_t(-1), int64_t(1) << 40}) {
    const Tensor labels = to(from<int64_t>({0, bad, 2}), cuda());
    const std::string rest = " label " + std::to_string(bad) + " is not in [0, 4). A kernel on cuda:0 found it; the host learns of it when it waits for the device";
    const Tensor y = cross_entropy(x, labels);
    y.backward();
    EXPECT_EQ(error_of([&] { y.item(); }), "cross_entropy:" + rest);
    EXPECT_NEAR(y.item(), std::log(4.0), 1e-6);
    EXPECT_EQ(x.grad()[1].to_vector<float>(), (std::vector<float>(4)));
    x.zero_grad();
    const Tensor z = nll(x, labels);
    z.backward();
    EXPECT_EQ(error_of([&] { z.item(); }), "nll:" + rest);
    EXPECT_EQ(z.item(), 0);
    x.zero_grad();
  }
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
