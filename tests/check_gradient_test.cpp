#include <gtest/gtest.h>
#include <cmath>
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using mica::testing::error_of;
using mica::testing::normal;

namespace {
// An op whose gradient is off by a factor, at one element or everywhere.
struct Wrong {
  double factor;
  int64_t only = -1;
  static constexpr auto name = "wrong";
  static constexpr Args<1> inputs{{{"x", saved}}}, outputs{{{"y"}}};
  Spec out(const Tensor& x) const { return {x.shape(), x.dtype()}; }
  void forward(const Cpu&, const Tensor& x, Tensor& y) const {
    for (int64_t i = 0; i < x.size(); ++i) output<double>(y)[i] = x.data<double>()[i] * x.data<double>()[i];
  }
  void backward(const Cpu&, const Tensor& x, const Tensor&, const Tensor& dy, Tensor& dx) const {
    for (int64_t i = 0; i < x.size(); ++i)
      output<double>(dx)[i] = 2 * x.data<double>()[i] * dy.data<double>()[i] * (only < 0 || only == i ? factor : 1);
  }
};
Tensor ones_and(double v) { return tensor({{1, 1, 1}, {1, v, 1}}, {f64}); }
}  // namespace

TEST(CheckGradient, AcceptsRightOnes) {
  const Tensor a = normal({2, 3}), b = normal({3}, 2), c = normal({2, 1}, 3);
  const GradientReport r = check_gradient([](const Tensor& a, const Tensor& b, const Tensor& c) { return exp(a) * sin(b) / (2 + cos(c)); }, {a, b, c});
  EXPECT_TRUE(r) << r.text;
  EXPECT_EQ(r.checked, 11);
  EXPECT_EQ(r.text.substr(0, 50), "11 gradients are right; the largest difference: x[");
  EXPECT_TRUE(check_gradient([](const Tensor& x) { return std::vector{x * x, exp(x)}; }, {a}));   // several outputs
  EXPECT_TRUE(check_gradient([](const std::vector<Tensor>& x) { return x[0] * x[1]; }, {a, b}));
  EXPECT_TRUE(check_gradient([](const Tensor& x) { return x.detach() + x; }, {zeros({0})}));      // nothing to check is right
}

TEST(CheckGradient, FindsWrongOnes) {
  const GradientReport all = check_gradient([](const Tensor& x) { return mica::apply(Wrong{1.001}, x); }, {normal({4})});
  EXPECT_FALSE(all);
  EXPECT_EQ(all.wrong, 4);
  const GradientReport one = check_gradient([](const Tensor& x) { return mica::apply(Wrong{-1, 4}, x); }, {ones_and(3)}, {.names = {"weight"}});
  EXPECT_FALSE(one.ok);
  EXPECT_EQ(one.wrong, 1);
  EXPECT_EQ(one.at, (Shape{1, 1}));
  EXPECT_NEAR(one.analytic, -one.numeric, 1e-8);
  EXPECT_EQ(one.text.substr(0, 67), "1 of 6 gradients are wrong; the worst: weight[1, 1]: backward gives");
  const GradientReport nan = check_gradient([](const Tensor& x) { return mica::apply(Wrong{NAN, 0}, x); }, {ones_and(3)});
  EXPECT_EQ(nan.wrong, 1);
  EXPECT_EQ(nan.error, HUGE_VAL);
  EXPECT_FALSE(check_gradient([](const Tensor& x) { return x.detach() * x; }, {ones_and(3)}));    // a forgotten path
}

TEST(CheckGradient, OnlyWhatRequiresGrad) {
  const Tensor a = normal({3}).set_requires_grad(), b = normal({3}, 2);
  const auto wrong_in_b = [](const Tensor& a, const Tensor& b) { return a * mica::apply(Wrong{2}, b); };
  EXPECT_TRUE(check_gradient(wrong_in_b, {a, b}));
  EXPECT_FALSE(check_gradient(wrong_in_b, {a, normal({3}, 2).set_requires_grad()}));
  EXPECT_FALSE(a.grad());                                                                          // the caller's tensors are left alone
  const Tensor mask = tensor({1, 0, 1}, {boolean});
  EXPECT_TRUE(check_gradient([](const Tensor& m, const Tensor& x) { return where(m, x * x, x); }, {mask, b}));
  EXPECT_TRUE(check_gradient([](const Tensor& x) { EXPECT_EQ(x.dtype(), f64); return x * x; }, {tensor({1, 2})}));  // f32 becomes f64
}

TEST(CheckGradient, ASampleOfLargeInputs) {
  const GradientReport r = check_gradient([](const Tensor& x) { return mica::apply(Wrong{1.01}, x); }, {normal({1000})}, {.max_elements = 10});
  EXPECT_EQ(r.checked, 10);
  EXPECT_EQ(r.wrong, 10);
}

TEST(CheckGradient, RandomOpsSeeTheSameNumbers) {
  seed(5);
  next_random_call();
  const auto before = random_state();
  EXPECT_TRUE(check_gradient([](const Tensor& x) { return x * rand({20}, {f64}); }, {normal({20})}));
  EXPECT_EQ(random_state().call, before.call + 1);
}

TEST(CheckGradient, Mistakes) {
  const Tensor x = ones({2}, {f64});
  EXPECT_EQ(error_of([&] { check_gradient([](const Tensor& a, const Tensor& b) { return a + b; }, {x}); }), "check_gradient: f takes 2 tensors, there are 1 inputs");
  EXPECT_EQ(error_of([&] { check_gradient([](const Tensor& a) { return a; }, {ones({2}, {i64})}); }), "check_gradient: there is no float input");
  EXPECT_EQ(error_of([&] { check_gradient([](const Tensor& a) { return a > 0; }, {x}); }), "check_gradient: an output is bool[2] on cpu; it needs to be a float");
  EXPECT_EQ(error_of([&] { check_gradient([](const Tensor& a) { return a.detach(); }, {x}); }), "check_gradient: no output requires grad: nothing connects it with the inputs");
}
