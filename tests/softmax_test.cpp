#include <cmath>
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

namespace {
std::vector<double> by_definition(const Tensor& x, int dim, bool log) {
  std::vector<double> v = x.to_vector<double>(), y(v.size());
  const int d = dim_of(x.shape(), dim);
  size_t inner = 1;
  for (int i = d + 1; i < x.rank(); ++i) inner *= size_t(x.size(i));
  const size_t n = size_t(x.size(d));
  for (size_t i = 0; i < v.size(); ++i) {
    const size_t first = i / (n * inner) * n * inner + i % inner;
    long double sum = 0;
    for (size_t k = 0; k < n; ++k) sum += expl(v[first + k * inner] - (long double)(v[i]));
    y[i] = double(log ? -logl(sum) : 1 / sum);
  }
  return y;
}
}  // namespace

TEST(Softmax, Cases) {
  struct Case { Shape x; int dim; };
  const Case shapes[] = {{{3, 5}, -1}, {{3, 5}, 0}, {{7}, 0}, {{1}, 0}, {{4, 1}, 1}, {{4, 1}, 0}, {{2, 3, 4}, 1}, {{2, 3, 17}, 1}, {{2, 10, 3, 3}, 1}, {{5, 33}, 1}, {{2, 100}, -1},
                         {{3, 8}, -1}, {{2, 2, 2, 9}, -2}, {{40, 3}, 0}, {{1, 1}, 0}, {{6}, -1}, {{0, 4}, 1}, {{2, 1, 5}, 2}, {{3, 1, 4}, 1},
                         {{3, 2, 1, 4}, 0}, {{2, 3, 2, 2, 2}, 1}, {{1, 2, 2, 1, 3, 2}, 4}};
  std::vector<OpCase> cases;
  for (const auto& [s, dim] : shapes) {
    const std::string at = to_string(s) + " over " + std::to_string(dim);
    cases.push_back({"softmax " + at, {normal(s)}, [dim = dim](auto& x) { return softmax(x[0], dim); }, [dim = dim](auto& x) { return by_definition(x[0], dim, false); },
                     s[dim] + 4, true});
    cases.push_back({"log_softmax " + at, {normal(s)}, [dim = dim](auto& x) { return log_softmax(x[0], dim); }, [dim = dim](auto& x) { return by_definition(x[0], dim, true); },
                     s[dim] + 4, true});
  }
  // In 16 bits backward reads a rounded y; its error is that of y times the sum it meets.
  for (OpCase& c : cases) c.floats_only = true;
  check_all(cases);
  for (OpCase& c : cases) c.differentiable = false;
  for (const OpCase& c : cases) { check_dtype(c, bf16); check_dtype(c, f16); }
}

// Rows of a warp, of a block, and longer than a block holds; columns that shared memory holds, and more; memory that is not aligned.
TEST(Softmax, LargeOnCuda) {
  if (!cuda_available()) GTEST_SKIP() << "no GPU";
  struct Case { Shape x; int dim; };
  for (const auto& [s, dim] : std::vector<Case>{{{300, 2}, 1}, {{5, 256}, 1}, {{3, 1000}, 1}, {{2, 513}, 1}, {{3, 4096}, 1}, {{2, 9000}, 1}, {{1, 17001}, 1}, {{2, 40, 35}, 1}, {{2, 400, 33}, 1}})
    for (bool log : {false, true})
      for (bool shifted : {false, true}) {
        if (shifted && s.count() > 2000) continue;
        OpCase c{std::string(log ? "log_softmax " : "softmax ") + to_string(s) + (shifted ? ", not aligned" : ""), {normal(shifted ? Shape{s.count() + 1} : s)}, {}, {}, s[dim] + 4, true};
        c.op = [=, s = s, dim = dim](const Inputs& in) {
          const Tensor x = shifted ? reshape(slice(in[0], 0, 1), s) : in[0];
          return log ? log_softmax(x, dim) : softmax(x, dim);
        };
        for (DType t : {f64, f32}) check_dtype(c, t, cuda());
        c.differentiable = false;
        for (DType t : {bf16, f16}) check_dtype(c, t, cuda());
      }
}

TEST(Softmax, SixteenBitGradients) {
  for (Device device : devices()) for (DType t : {bf16, f16})
    for (bool log : {false, true}) {
      auto run = [&](DType t, const Tensor& from) {
        const Tensor x = to(cast(from, t), device).detach();
        x.set_requires_grad();
        const Tensor y = log ? log_softmax(x) : softmax(x);
        y.backward(to(cast(cast(normal({5, 9}, 3), f16), t), device));
        return x.grad().to_vector<double>();
      };
      const Tensor from = cast(cast(normal({5, 9}), bf16), f64);
      const std::vector<double> expected = run(f64, from), got = run(t, from);
      for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], t == bf16 ? 0.03 : 0.004);
    }
}

TEST(Softmax, ExtremeLogits) {
  for (Device device : devices()) for (DType t : {f64, f32}) {
    const double inf = INFINITY;
    for (int dim : {0, 1}) {
      Tensor x = tensor({{1000, 1000, -1000}, {-inf, 0, -inf}, {-inf, -inf, -inf}, {NAN, 0, 0}, {0, 0, NAN}, {88, -88, 0}, {inf, 0, 0}}, {t, device});
      if (dim == 0) x = transpose(x, 0, 1);
      Tensor y = softmax(x, dim), z = log_softmax(x, dim);
      if (dim == 0) { y = transpose(y, 0, 1); z = transpose(z, 0, 1); }
      EXPECT_EQ(y[0].to_vector<double>(), (std::vector<double>{0.5, 0.5, 0}));
      EXPECT_NEAR(z[0][2].item(), -2000 - std::log(2), 1e-4);
      EXPECT_EQ(y[1].to_vector<double>(), (std::vector<double>{0, 1, 0}));
      EXPECT_EQ(z[1].to_vector<double>(), (std::vector<double>{-inf, 0, -inf}));
      for (int row : {2, 3, 4, 6}) for (int i = 0; i < 3; ++i) EXPECT_TRUE((std::isnan(y[row][i].item()) && std::isnan(z[row][i].item())) || (row == 6 && i)) << row;
      EXPECT_EQ(y[5][0].item(), 1);
      EXPECT_EQ(z[5][1].item(), -176);
    }
  }
}

TEST(Softmax, EmptyAndErrors) {
  EXPECT_EQ(softmax(zeros({0, 3})).shape(), (Shape{0, 3}));
  EXPECT_EQ(softmax(zeros({3, 0})).shape(), (Shape{3, 0}));
  EXPECT_EQ(error_of([] { softmax(zeros({2, 3}), 2); }), "softmax: dimension 2 is not in [-2, 2)\n  x: f32[2, 3] on cpu");
  EXPECT_EQ(error_of([] { log_softmax(zeros({2, 3}, {i64})); }), "log_softmax: x must be a float tensor\n  x: i64[2, 3] on cpu");
}

TEST(Softmax, SameOnOneAndTwoThreads) {
  const int before = threads();
  const Tensor x = uniform({60, 70, 5}, -3, 3);
  for (int dim : {0, 1, 2}) {
    set_threads(1);
    const std::vector<float> one = softmax(x, dim).to_vector<float>();
    set_threads(2);
    EXPECT_EQ(one, softmax(x, dim).to_vector<float>());
    const std::vector<double> expected = by_definition(cast(x, f64), dim, false);
    for (size_t i = 0; i < one.size(); ++i) ASSERT_NEAR(one[i], expected[i], 2e-6 * expected[i]);
  }
  set_threads(before);
}
