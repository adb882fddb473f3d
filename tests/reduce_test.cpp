#include <cmath>
#include <map>
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

namespace {
// For each result, in row-major order, the elements of x that are folded into it, in row-major order. Naive: one division per element.
std::vector<std::vector<double>> groups(const Tensor& x, const Shape& dims) {
  std::vector<bool> gone(6, dims.rank() == 0);
  for (int64_t d : dims) gone[size_t(d < 0 ? d + x.rank() : d)] = true;
  int64_t results = 1;
  for (int i = 0; i < x.rank(); ++i) if (!gone[size_t(i)]) results *= x.shape()[i];
  std::vector<std::vector<double>> g(static_cast<size_t>(results));
  const std::vector<double> v = x.to_vector<double>();
  for (size_t at = 0; at < v.size(); ++at) {
    int64_t rest = int64_t(at), place = 0, step = 1;
    for (int i = x.rank() - 1; i >= 0; --i) {
      const int64_t k = rest % x.shape()[i];
      rest /= x.shape()[i];
      if (!gone[size_t(i)]) { place += k * step; step *= x.shape()[i]; }
    }
    g[size_t(place)].push_back(v[at]);
  }
  return g;
}
using Fold1 = std::function<double(const std::vector<double>&)>;
std::function<std::vector<double>(const Inputs&)> oracle(const Shape& dims, const Fold1& f) {
  return [=](const Inputs& x) {
    std::vector<double> y;
    for (const auto& g : groups(x[0], dims)) y.push_back(f(g));
    return y;
  };
}
double total(const std::vector<double>& v) { double s = 0; for (double e : v) s += e; return s; }
double variance(const std::vector<double>& v, double correction) {
  const double m = total(v) / double(v.size());
  double s = 0;
  for (double e : v) s += (e - m) * (e - m);
  return s / (double(v.size()) - correction);
}

struct Case { Shape shape, dims; };
const std::vector<Case> shapes = {
    {{}, {}}, {{1}, {}}, {{1}, {0}}, {{7}, {}}, {{3, 5}, {}}, {{3, 5}, {0}}, {{3, 5}, {1}}, {{3, 5}, {-1}}, {{3, 5}, {0, 1}}, {{5, 1}, {1}}, {{1, 5}, {0}},
    {{2, 3, 4}, {0}}, {{2, 3, 4}, {1}}, {{2, 3, 4}, {2}}, {{2, 3, 4}, {0, 2}}, {{2, 3, 4}, {1, 0}}, {{2, 3, 4}, {-1, -2}}, {{2, 3, 4, 5}, {0, 2, 3}}, {{2, 3, 4, 5}, {2, 3}},
    {{2, 3, 4, 5}, {1}}, {{2, 3, 4, 5}, {0, 2}}, {{2, 1, 4, 1}, {1, 2}}, {{2, 3, 2, 1, 2, 3}, {0, 3, 5}}, {{37, 2}, {0}}, {{70, 6}, {0}}, {{2, 67}, {1}}, {{19, 40}, {0}}, {{3, 130}, {0}},
    {{1, 1}, {}}, {{17}, {0}}, {{9, 3}, {0}}, {{6, 2, 2}, {1}}, {{3, 1, 2}, {0, 2}}, {{1, 7, 1}, {1}}, {{2, 2, 2, 2, 2}, {1, 3}}};
const std::vector<Case> empty_shapes = {{{0}, {}}, {{3, 0}, {1}}, {{0, 4}, {0}}, {{0, 4}, {1}}, {{2, 0, 3}, {}}, {{2, 0, 3}, {0, 2}}};

int64_t terms(const Case& c) {
  int64_t n = 1;
  for (int i = 0; i < c.shape.rank(); ++i)
    if (c.dims.rank() == 0 || std::any_of(c.dims.begin(), c.dims.end(), [&](int64_t d) { return (d < 0 ? d + c.shape.rank() : d) == i; })) n *= c.shape[i];
  return std::max<int64_t>(n, 1);
}
std::string name(const char* op, const Case& c) { return std::string(op) + " " + to_string(c.shape) + " over " + to_string(c.dims); }
}  // namespace

TEST(Reduce, Sum) {
  std::vector<OpCase> cases;
  std::vector<Case> all_shapes = shapes;
  all_shapes.insert(all_shapes.end(), empty_shapes.begin(), empty_shapes.end());
  for (const Case& c : all_shapes)
    for (bool keepdim : {false, true})
      cases.push_back({name("sum", c), {normal(c.shape)}, [=](auto& x) { return sum(x[0], {c.dims, keepdim}); }, oracle(c.dims, total), terms(c)});
  check_all(cases);
}
TEST(Reduce, Mean) {
  std::vector<OpCase> cases;
  for (const Case& c : shapes)
    cases.push_back({name("mean", c), {normal(c.shape)}, [=](auto& x) { return mean(x[0], {c.dims}); },
                     oracle(c.dims, [](auto& v) { return total(v) / double(v.size()); }), terms(c)});
  check_all(cases);
}
TEST(Reduce, Variance) {
  std::vector<OpCase> cases;
  for (const Case& c : shapes)
    for (int correction : {0, 1}) {
      if (terms(c) <= correction) continue;
      OpCase v{name("var", c), {normal(c.shape)}, [=](auto& x) { return var(x[0], {c.dims, true, double(correction)}); },
               oracle(c.dims, [=](auto& v) { return variance(v, correction); }), terms(c), true};
      cases.push_back(v);
      if (terms(c) == 1) continue;  // the root has no derivative at 0
      v.name = name("std_dev", c);
      v.op = [=](auto& x) { return std_dev(x[0], {c.dims, false, double(correction)}); };
      v.oracle = oracle(c.dims, [=](auto& v) { return std::sqrt(variance(v, correction)); });
      cases.push_back(v);
    }
  check_all(cases);
}
TEST(Reduce, MaxMin) {
  std::vector<OpCase> cases;
  for (const Case& c : shapes) {
    cases.push_back({name("max", c), {distinct(c.shape)}, [=](auto& x) { return max(x[0], {c.dims}); },
                     oracle(c.dims, [](auto& v) { return *std::max_element(v.begin(), v.end()); }), terms(c), true});
    cases.push_back({name("min", c), {distinct(c.shape)}, [=](auto& x) { return min(x[0], {c.dims, true}); },
                     oracle(c.dims, [](auto& v) { return *std::min_element(v.begin(), v.end()); }), terms(c), true});
  }
  check_all(cases);
}
TEST(Reduce, ArgMaxMin) {
  std::vector<OpCase> cases;
  for (const Case& c : shapes) {
    if (c.dims.rank() != 1) continue;
    const int dim = int(c.dims[0]);
    OpCase a{name("argmax", c), {distinct(c.shape)}, [=](auto& x) { return argmax(x[0], dim); },
             oracle(c.dims, [](auto& v) { return double(std::max_element(v.begin(), v.end()) - v.begin()); })};
    a.differentiable = false;
    cases.push_back(a);
    a.name = name("argmin", c);
    a.op = [=](auto& x) { return argmin(x[0], dim); };
    a.oracle = oracle(c.dims, [](auto& v) { return double(std::min_element(v.begin(), v.end()) - v.begin()); });
    cases.push_back(a);
  }
  check_all(cases);
}
TEST(Reduce, Norm) {
  std::vector<OpCase> cases;
  for (const Case& c : shapes)
    for (double p : {1.0, 2.0, 3.5, HUGE_VAL})
      cases.push_back({name("norm", c) + " p " + std::to_string(p), {distinct(c.shape)}, [=](auto& x) { return norm(x[0], {p, c.dims}); },
                       oracle(c.dims, [=](auto& v) {
                         double s = 0;
                         for (double e : v) s = std::isinf(p) ? std::max(s, std::abs(e)) : s + std::pow(std::abs(e), p);
                         return std::isinf(p) ? s : std::pow(s, 1 / p);
                       }), 4 * terms(c), true});
  check_all(cases);
}
TEST(Reduce, LogSumExp) {
  std::vector<OpCase> cases;
  for (const Case& c : shapes)
    cases.push_back({name("logsumexp", c), {normal(c.shape)}, [=](auto& x) { return logsumexp(x[0], {c.dims}); },
                     oracle(c.dims, [](auto& v) { double s = 0; for (double e : v) s += std::exp(e); return std::log(s); }), 4 * terms(c), true});
  check_all(cases);
  const Tensor x = tensor({{1000, 1000}, {-HUGE_VAL, -HUGE_VAL}, {-HUGE_VAL, 3}, {HUGE_VAL, 0}});
  const std::vector<double> y = logsumexp(x, {{1}}).to_vector<double>();
  EXPECT_FLOAT_EQ(y[0], 1000 + std::log(2.0));
  EXPECT_EQ(y[1], -HUGE_VAL);
  EXPECT_EQ(y[2], 3);
  EXPECT_EQ(y[3], HUGE_VAL);
  EXPECT_EQ(logsumexp(zeros({0})).item(), -HUGE_VAL);
}
TEST(Reduce, Cumsum) {
  std::vector<OpCase> cases;
  for (const auto& [shape, dim] : std::vector<std::pair<Shape, int>>{{{1}, 0}, {{7}, -1}, {{3, 5}, 0}, {{3, 5}, 1}, {{2, 3, 4}, 1}, {{2, 3, 4}, -3}, {{2, 3, 4}, 2},
           {{2, 3, 4, 5}, 1}, {{4, 70}, 0}, {{3, 130}, 1}, {{0}, 0}, {{3, 0}, 0}, {{0, 3}, 0}, {{1, 1, 5}, 1}, {{2, 3, 2, 2, 1, 2}, 3}})
    cases.push_back({"cumsum " + to_string(shape), {normal(shape)}, [=](auto& x) { return cumsum(x[0], dim); }, [=](const Inputs& x) {
                       std::vector<double> y = x[0].to_vector<double>();
                       int64_t inner = 1;
                       const int d = dim < 0 ? dim + x[0].rank() : dim;
                       for (int i = d + 1; i < x[0].rank(); ++i) inner *= x[0].shape()[i];
                       for (int64_t i = 0; i < int64_t(y.size()); ++i) if (i / inner % x[0].shape()[d] > 0) y[size_t(i)] += y[size_t(i - inner)];
                       return y;
                     }, std::max<int64_t>(1, shape[dim])});
  check_all(cases);
  EXPECT_EQ(cumsum(from(std::vector<uint8_t>{200, 100, 3})).dtype(), i64);
  EXPECT_EQ(cumsum(from(std::vector<uint8_t>{200, 100, 3})).to_vector<int64_t>(), (std::vector<int64_t>{200, 300, 303}));
  EXPECT_EQ(error_of([] { cumsum(zeros({2}), 1); }), "cumsum: dimension 1 is not in [-1, 1)\n  x: f32[2] on cpu");
}

// Sizes that are divided among threads, in parts and blocks; the oracle adds in double.
TEST(Reduce, LargeSums) {
  for (DType dtype : {f32, bf16, f16, f64})
    for (const auto& [shape, dims] : std::vector<Case>{{{300007}, {}}, {{20011, 33}, {0}}, {{50021, 6}, {0}}, {{700, 701}, {0}}, {{700, 701}, {1}}, {{4, 9000, 16}, {1}}, {{3, 100003}, {1}}}) {
      NoGrad no_grad;
      const Tensor x = cast(cast(normal(shape), dtype), f64), y = sum(cast(x, dtype), {dims, false});
      const auto expected = groups(x, dims);
      const std::vector<double> got = y.to_vector<double>();
      ASSERT_EQ(got.size(), expected.size());
      for (size_t i = 0; i < got.size(); ++i) {
        double s = 0;
        for (double e : expected[i]) s += std::abs(e);
        ASSERT_LE(std::abs(got[i] - total(expected[i])), bound(total(expected[i]), s, int64_t(expected[i].size()), dtype)) << to_string(shape) << name_of(dtype) << i;
      }
    }
}
TEST(Reduce, LargeFoldsMergeTheirParts) {
  const Tensor x = cast(distinct({3, 200003}, 5, 1e-9), f64);
  const std::vector<double> v = x.to_vector<double>();
  EXPECT_EQ(max(x).item(), *std::max_element(v.begin(), v.end()));
  EXPECT_EQ(min(x).item(), *std::min_element(v.begin(), v.end()));
  EXPECT_EQ(argmax(reshape(x, {-1})).item_i64(), std::max_element(v.begin(), v.end()) - v.begin());
  const std::vector<int64_t> a = argmin(x, 1).to_vector<int64_t>();
  for (int64_t r = 0; r < 3; ++r) EXPECT_EQ(a[size_t(r)], std::min_element(v.begin() + r * 200003, v.begin() + (r + 1) * 200003) - (v.begin() + r * 200003));
  Tensor same = full({400001}, 3);
  EXPECT_EQ(argmax(same).item_i64(), 0);
  same.data_mut<float>()[300000] = NAN;
  EXPECT_EQ(argmax(same).item_i64(), 300000);
  EXPECT_TRUE(std::isnan(max(same).item()));
  EXPECT_TRUE(std::isnan(min(same).item()));
}
// More terms than one block takes, and more results than one block has: a GPU merges parts.
TEST(Reduce, LargeFoldsOnCuda) {
  if (!cuda_available()) GTEST_SKIP() << "no GPU, and no emulated device, in this build";
  for (const Case& c : std::vector<Case>{{{3, 4600}, {1}}, {{4600}, {}}, {{300, 35}, {0}}, {{3, 150, 33}, {1}}, {{2, 150, 9}, {0, 1}}, {{259, 17}, {0}}, {{300, 257}, {0}},
                                         {{4603}, {}}, {{3, 4608}, {1}}, {{2000, 3}, {1}}, {{130, 16}, {1}}, {{70, 40}, {1}}, {{5, 1200}, {1}}, {{3, 2600}, {1}}}) {
    check_cuda({name("sum", c), {normal(c.shape)}, [=](auto& x) { return sum(x[0], {c.dims}); }, {}, terms(c)});
    check_cuda({name("max", c), {distinct(c.shape)}, [=](auto& x) { return max(x[0], {c.dims}); }, {}, terms(c), true, {}, true});
  }
}
// Of equal values the first, whichever threads, blocks and parts they fall to.
TEST(Reduce, TiesOnCuda) {
  if (!cuda_available()) GTEST_SKIP() << "no GPU, and no emulated device, in this build";
  for (const Shape& shape : {Shape{9000}, Shape{100}, Shape{31}, Shape{3}})
    for (int64_t first : {int64_t(0), int64_t(1), shape[0] / 3, shape[0] - 1}) {
      const Tensor x = zeros(shape);
      for (int64_t i = first; i < shape[0]; i += 1 + i % 3) x.data_mut<float>()[i] = 1;
      EXPECT_EQ(argmax(to(x, cuda()), 0).item_i64(), first) << shape[0];
      EXPECT_EQ(argmin(to(-x, cuda()), 0).item_i64(), first) << shape[0];
      const Tensor column = contiguous(expand(reshape(x, {-1, 1}), {shape[0], 5}));
      EXPECT_EQ(argmax(to(column, cuda()), 0).to_vector<int64_t>(), std::vector<int64_t>(5, first)) << shape[0];
      x.data_mut<float>()[first] = NAN;
      if (first + 1 < shape[0]) x.data_mut<float>()[shape[0] - 1] = NAN;
      EXPECT_EQ(argmin(to(x, cuda()), 0).item_i64(), first) << shape[0];
    }
}
TEST(Reduce, FloatSumsOfEqualValuesStayClose) {  // the worst case for adding one after the other
  const int64_t n = 4000000;
  EXPECT_NEAR(sum(full({n}, 0.1f)).item(), double(0.1f) * double(n), 64 * 0x1p-23 * 0.1 * double(n));
  EXPECT_NEAR(sum(full({n / 8, 8}, 0.1f), {{0}})[3].item(), double(0.1f) * double(n / 8), 64 * 0x1p-23 * 0.1 * double(n / 8));
}
TEST(Reduce, DTypes) {
  EXPECT_EQ(sum(from(std::vector<uint8_t>{200, 100})).dtype(), i64);
  EXPECT_EQ(sum(from(std::vector<uint8_t>{200, 100})).item_i64(), 300);
  EXPECT_EQ(sum(tensor({1, 0, 1, 1}, {boolean})).item_i64(), 3);
  EXPECT_EQ(sum(from(std::vector<int64_t>{int64_t(1) << 53, 1})).item_i64(), (int64_t(1) << 53) + 1);
  EXPECT_EQ(sum(ones({70000}, {f16})).item(), HUGE_VAL);  // beyond f16
  EXPECT_EQ(mean(ones({70000}, {f16})).item(), 1);
  EXPECT_EQ(mean(ones({70000}, {f16})).dtype(), f16);
  EXPECT_EQ(max(from(std::vector<int32_t>{-5, -3})).dtype(), i32);
  EXPECT_EQ(max(from(std::vector<int32_t>{-5, -3})).item_i64(), -3);
  EXPECT_EQ(min(from(std::vector<int64_t>{INT64_MAX, INT64_MAX - 1})).item_i64(), INT64_MAX - 1);
  EXPECT_EQ(max(tensor({0, 1}, {boolean})).dtype(), boolean);
  EXPECT_EQ(argmax(from(std::vector<int64_t>{(int64_t(1) << 53) + 1, int64_t(1) << 53})).item_i64(), 0);
  EXPECT_EQ(error_of([] { mean(ones({2}, {i32})); }), "mean: x is i32; cast it to a float dtype\n  x: i32[2] on cpu");
  EXPECT_EQ(error_of([] { norm(ones({2}, {i32})); }), "norm: x is i32; cast it to a float dtype\n  x: i32[2] on cpu");
}
TEST(Reduce, Ties) {
  const Tensor x = tensor({{1, 3, 3, 0}, {2, 2, 2, 2}}).set_requires_grad();
  max(x, {{1}}).backward(tensor({6, 8}));
  EXPECT_EQ(x.grad().to_vector<double>(), (std::vector<double>{0, 3, 3, 0, 2, 2, 2, 2}));
  EXPECT_EQ(argmax(x, 1).to_vector<int64_t>(), (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(argmin(x, 0).to_vector<int64_t>(), (std::vector<int64_t>{0, 1, 1, 0}));
}
TEST(Reduce, Nan) {
  const Tensor x = tensor({{1, NAN, 3}, {4, 5, 6}, {NAN, 0, NAN}});
  const std::vector<double> y = max(x, {{1}}).to_vector<double>();
  EXPECT_TRUE(std::isnan(y[0]) && y[1] == 6 && std::isnan(y[2]));
  EXPECT_EQ(argmax(x, 1).to_vector<int64_t>(), (std::vector<int64_t>{1, 2, 0}));
  EXPECT_EQ(argmin(x, 1).to_vector<int64_t>(), (std::vector<int64_t>{1, 0, 0}));
  EXPECT_TRUE(std::isnan(sum(x).item()));
  for (int64_t n : {1, 5, 16, 64, 100, 1000}) for (int64_t at : {int64_t(0), n / 2, n - 1}) {
    Tensor row = ones({n});
    row.data_mut<float>()[at] = NAN;
    EXPECT_TRUE(std::isnan(max(row).item())) << n << ' ' << at;
    EXPECT_TRUE(std::isnan(min(row).item())) << n << ' ' << at;
  }
}
TEST(Reduce, NormAtZeroHasGradientZero) {
  const Tensor x = zeros({3}).set_requires_grad();
  norm(x).backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (std::vector<double>{0, 0, 0}));
}
TEST(Reduce, AllAny) {
  const Tensor x = tensor({{0, 0, 0}, {0, 2, 0}, {1, 1, NAN}});
  EXPECT_EQ(any(x, {{1}}).to_vector<double>(), (std::vector<double>{0, 1, 1}));
  EXPECT_EQ(all(x, {{1}}).to_vector<double>(), (std::vector<double>{0, 0, 1}));
  EXPECT_EQ(all(x).dtype(), boolean);
  EXPECT_EQ(all(zeros({0})).item(), 1);
  EXPECT_EQ(any(zeros({0})).item(), 0);
}
TEST(Reduce, OfNothing) {
  EXPECT_EQ(sum(zeros({0})).item(), 0);
  EXPECT_TRUE(std::isnan(mean(zeros({0})).item()));
  EXPECT_TRUE(std::isnan(var(ones({1})).item()));
  EXPECT_EQ(max(zeros({0, 3}), {{1}}).shape(), Shape({0}));
  EXPECT_EQ(error_of([] { max(zeros({0})); }), "max: there is no max of no elements\n  x: f32[0] on cpu");
  EXPECT_EQ(error_of([] { argmin(zeros({3, 0}), 1); }), "argmin: there is no argmin of no elements\n  x: f32[3, 0] on cpu");
}
TEST(Reduce, Errors) {
  EXPECT_EQ(error_of([] { sum(zeros({2, 3}), {{2}}); }), "sum: dimension 2 is not in [-2, 2)\n  x: f32[2, 3] on cpu");
  EXPECT_EQ(error_of([] { sum(zeros({2, 3}), {{0, -2}}); }), "sum: dims [0, -2] name dimension 0 twice\n  x: f32[2, 3] on cpu");
  EXPECT_EQ(error_of([] { norm(zeros({2}), {.p = -1}); }), "norm: p is -1.000000; it must be above 0\n  x: f32[2] on cpu");
  EXPECT_EQ(error_of([] { sum(Tensor()); }), "sum: x is undefined");
}
// The gradient of a sum is dy, expanded: elements that share memory are not added to in place.
TEST(Reduce, GradientsOfSumsAddUp) {
  const Tensor x = tensor({{1, 2}, {3, 4}}, {f64}).set_requires_grad();
  Tensor y = x * 2;
  (sum(y * y) + sum(y) + sum(sum(y, {{0}}))).backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (std::vector<double>{12, 20, 28, 36}));
  const Tensor z = tensor({1, 2}, {f64}).set_requires_grad();
  (sum(slice(z * 1, 0, 0, 1)) + sum(z * 1)).backward();
  Tensor w = z * 1;
  sum(w).backward({.retain_graph = true});
  (sum(slice(w, 0, 0, 1)) + sum(w)).backward();
  EXPECT_EQ(z.grad().to_vector<double>(), (std::vector<double>{5, 3}));
}
