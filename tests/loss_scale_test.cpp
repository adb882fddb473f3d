#include <gtest/gtest.h>
#include <cmath>
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

namespace {
struct Problem {  // loss = sum w^2 / 2: its gradient is w
  Device device = cpu;
  Tensor w = tensor({1, -2, 0.25}, {f32, device}).set_requires_grad();
  Sgd sgd{std::vector<Tensor>{w}, {.momentum = 0.9}};
  Tensor loss() const { return sum(square(w)) * 0.5; }
};
class LossScaleOn : public ::testing::TestWithParam<Device> {};
INSTANTIATE_TEST_SUITE_P(Devices, LossScaleOn, ::testing::ValuesIn(devices()), [](const auto& info) { return std::string(info.param == cpu ? "cpu" : "cuda"); });
void overflow(const Tensor& w, double value) { w.set_grad(full_like(w.detach(), value)); }
}  // namespace

TEST_P(LossScaleOn, StepsAreThoseWithoutIt) {  // a power of two changes no bit of a gradient
  Problem plain{GetParam()}, scaled{GetParam()};
  LossScale scale({.interval = 3});
  for (int i = 0; i < 10; ++i) {
    plain.loss().backward();
    plain.sgd.step(0.1);
    plain.sgd.zero_grad();
    EXPECT_EQ(scale(scaled.loss()).item(), scale.state().scale * scaled.loss().item());
    scale(scaled.loss()).backward();
    scale.step(scaled.sgd, 0.1);
    scaled.sgd.zero_grad();
    EXPECT_EQ(scaled.w.to_vector<float>(), plain.w.to_vector<float>());
  }
  EXPECT_EQ(scale.state().scale, 65536 * 8);  // grown after steps 3, 6 and 9
  EXPECT_EQ(scale.state().steps, 1);
}

TEST_P(LossScaleOn, AnOverflowSkipsTheStepAndShrinksTheFactor) {
  for (const double bad : {double(INFINITY), -double(INFINITY), double(NAN)}) {
    Problem p{GetParam()};
    LossScale scale;
    const auto before = p.w.to_vector<float>();
    overflow(p.w, bad);
    scale.unscale({p.w});
    EXPECT_TRUE(scale.overflowed());
    scale.step(p.sgd, 0.1);
    EXPECT_EQ(p.w.to_vector<float>(), before);
    EXPECT_EQ(p.sgd.state().at("0.step").item(), 0);  // no state of the optimizer has changed either
    EXPECT_EQ(scale.state().scale, 32768);
    EXPECT_FALSE(scale.overflowed());
    p.sgd.zero_grad();
    scale(p.loss()).backward();
    scale.step(p.sgd, 0.1);
    EXPECT_NE(p.w.to_vector<float>(), before);
    EXPECT_EQ(scale.state().steps, 1);
  }
}

TEST_P(LossScaleOn, OppositeInfinitiesAndOneBadElementAreFound) {
  Problem p{GetParam()};
  LossScale scale;
  p.w.set_grad(tensor({INFINITY, -INFINITY, 0}, {f32, GetParam()}));
  scale.unscale({p.w});
  EXPECT_TRUE(scale.overflowed());
  scale.step(p.sgd, 0.1);
  p.w.set_grad(tensor({1, NAN, 0}, {f32, GetParam()}));
  scale.step(p.sgd, 0.1);
  EXPECT_EQ(scale.state().scale, 16384);
}

TEST_P(LossScaleOn, UnscaledGradientsCanBeClipped) {
  Problem p{GetParam()};
  LossScale scale;
  scale(p.loss()).backward();
  EXPECT_EQ(p.w.grad()[1].item(), -2 * 65536.0);
  scale.unscale({p.w});
  EXPECT_EQ(p.w.grad().to_vector<float>(), p.w.to_vector<float>());
  EXPECT_NEAR(clip_grad_norm({p.w}, 1).item(), std::sqrt(5.0625), 1e-6);
  const auto w = p.w.to_vector<float>(), g = p.w.grad().to_vector<float>();
  scale.step(p.sgd, 1);  // does not divide again
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(p.w[int64_t(i)].item(), w[i] - g[i], 1e-6);
}

TEST(LossScale, KeepsSmallGradientsOfFloat16) {
  const Tensor w = full({1, 1}, 1).set_requires_grad(), x = full({1, 1}, 0x1p-10);
  set_compute_type(w, f16);
  auto gradient = [&](auto&& scaled) {
    w.zero_grad();
    scaled(sum(linear(x, w)) * Tensor(0x1p-20f)).backward();  // the gradient of linear's y, 2^-20, rounds to a multiple of 2^-24; its product is f32
    return w.grad().item();
  };
  auto tiny = [&](auto&& scaled) {
    w.zero_grad();
    scaled(sum(linear(x, w)) * Tensor(0x1p-26f)).backward();
    return w.grad().item();
  };
  LossScale scale;
  EXPECT_EQ(gradient([](const Tensor& t) { return t; }), 0x1p-30);
  EXPECT_EQ(tiny([](const Tensor& t) { return t; }), 0);
  EXPECT_EQ(tiny(scale), 65536 * 0x1p-36);
}

TEST(LossScale, StateGoesOn) {
  LossScale a({.interval = 4}), b({.interval = 4});
  Problem p{};
  for (int i = 0; i < 3; ++i) { a(p.loss()).backward(); a.step(p.sgd, 0.1); p.sgd.zero_grad(); }
  b.restore(a.state());
  b(p.loss()).backward();
  b.step(p.sgd, 0.1);
  EXPECT_EQ(b.state().scale, 131072);
  EXPECT_EQ(b.state().steps, 0);
}

TEST(LossScale, Errors) {
  EXPECT_EQ(error_of([] { LossScale({.initial = 0}); }), "LossScale: initial is 0; it must be a positive number");
  EXPECT_EQ(error_of([] { LossScale({.growth = 1}); }), "LossScale: growth is 1; it must be above 1");
  EXPECT_EQ(error_of([] { LossScale({.backoff = 1}); }), "LossScale: backoff is 1; it must be between 0 and 1");
  EXPECT_EQ(error_of([] { LossScale({.interval = 0}); }), "LossScale: interval is 0; it must be at least 1");
  Problem p{};
  LossScale scale;
  p.loss().backward();
  scale.unscale({p.w});
  EXPECT_EQ(error_of([&] { scale.unscale({p.w}); }), "LossScale: unscale a second time without a step between");
}
