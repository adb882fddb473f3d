#include <gtest/gtest.h>
#include <cmath>
#include "mica/core/ops/contiguous.h"
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

namespace {
Tensor with_gradient(const Tensor& g) {
  const Tensor w = zeros_like(g).set_requires_grad();
  w.set_grad(g);
  return w;
}
}  // namespace

TEST(Clip, NormOverAllGradientsOfBothDtypes) {
  const std::vector<Tensor> w = {with_gradient(tensor({3, 0})), with_gradient(tensor({{0, 4}}, {f64})), full({3}, 1).set_requires_grad()};
  EXPECT_EQ(grad_norm(w).item(), 5);
  EXPECT_EQ(clip_grad_norm(w, 10).item(), 5);
  EXPECT_EQ(w[0].grad().to_vector<double>(), (std::vector<double>{3, 0}));
  EXPECT_EQ(clip_grad_norm(w, 2.5).item(), 5);
  EXPECT_NEAR(w[0].grad()[0].item(), 1.5, 1e-6);
  EXPECT_NEAR(grad_norm(w).item(), 2.5, 1e-6);
  EXPECT_FALSE(w[2].grad());
  EXPECT_EQ(grad_norm({}).item(), 0);
}

TEST(Clip, OddSizesAndOrders) {
  const Tensor g = cast(normal({3, 5, 7, 2}, 1), f32), w = with_gradient(contiguous(g, Layout::channels_last));
  const double norm = grad_norm({w}).item();
  clip_grad_norm({w}, norm / 2);
  const auto before = g.to_vector<float>(), after = w.grad().to_vector<float>();
  for (size_t i = 0; i < before.size(); ++i) ASSERT_NEAR(after[i], before[i] / 2, 1e-6);
  clip_grad_value({w}, 0.3);
  for (float v : w.grad().to_vector<float>()) ASSERT_LE(std::abs(v), 0.3f);
}

TEST(Clip, ANormThatIsNotFiniteIsTheCallersToJudge) {
  for (const Device device : devices()) {
    const Tensor w = with_gradient(tensor({1, NAN}, {f32, device})), v = with_gradient(tensor({5}, {f32, device}));
    EXPECT_TRUE(std::isnan(clip_grad_norm({w, v}, 1).item()));
    EXPECT_TRUE(std::isnan(v.grad().item()));
    const Tensor x = with_gradient(tensor({1, -INFINITY}, {f32, device}));
    EXPECT_EQ(clip_grad_norm({x}, 1).item(), INFINITY);
    EXPECT_EQ(x.grad()[0].item(), 0);
    EXPECT_TRUE(std::isnan(x.grad()[1].item()));
  }
}

TEST(Ema, SwapsAndSwapsBack) {
  const Tensor w = tensor({1, 2}).set_requires_grad();
  Ema ema({w}, 0.5);
  { NoGrad no_grad; fill(w, 4); }
  ema.update();
  EXPECT_EQ(ema.averages()[0].to_vector<double>(), (std::vector<double>{2.5, 3}));
  ema.swap();
  EXPECT_EQ(w.to_vector<double>(), (std::vector<double>{2.5, 3}));
  ema.swap();
  EXPECT_EQ(w.to_vector<double>(), (std::vector<double>{4, 4}));
  EXPECT_EQ(error_of([&] { Ema({w}, 1.5); }), "Ema: decay is 1.5; it must be in [0, 1]");
  EXPECT_EQ(error_of([&] { Ema({full({2}, 1, {bf16})}, 0.5); }), "Ema: parameter 0 is bf16[2] on cpu; parameters are f32 or f64");
}
