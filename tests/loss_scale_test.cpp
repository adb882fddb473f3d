#include <gtest/gtest.h>
#include <cmath>
#include <cstring>
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

template <class O, class Options> auto made(Options options) {
  return [=](std::vector<Tensor> w) -> std::unique_ptr<Optimizer> { return std::make_unique<O>(std::vector<ParameterGroup>{{std::move(w)}}, options); };
}
using Make = std::function<std::unique_ptr<Optimizer>(std::vector<Tensor>)>;
const std::pair<const char*, Make> optimizers[] = {  // every rule whose coefficients or state know about steps
    {"sgd", made<Sgd>(SgdOptions{})},
    {"momentum", made<Sgd>(SgdOptions{.momentum = 0.9, .dampening = 0.5})},
    {"adagrad", made<AdaGrad>(AdaGradOptions{.rate_decay = 0.1, .initial = 0.1})},
    {"rmsprop", made<RmsProp>(RmsPropOptions{})},
    {"adam", made<Adam>(AdamOptions{.weight_decay = 0.01})},
    {"amsgrad", made<Adam>(AdamOptions{.amsgrad = true})},
    {"adamw", made<AdamW>(AdamWOptions{})},
};
// Parameters of both dtypes, one with a 16-bit shadow that has been made.
std::vector<Tensor> weights(Device device) {
  std::vector<Tensor> w;
  for (const auto& [shape, dtype] : {std::pair{Shape{7, 5}, f32}, {Shape{4099}, f32}, {Shape{3}, f64}}) w.push_back(to(cast(normal(shape, w.size() + 1), dtype), device).detach().set_requires_grad());
  set_compute_type(w[0], f16);
  in_compute_type(w[0]);
  return w;
}
void give_gradients(const std::vector<Tensor>& w, uint64_t seed, double scale) {
  for (size_t i = 0; i < w.size(); ++i) w[i].set_grad(to(cast(normal(w[i].shape(), seed * 100 + i) * scale, w[i].dtype()), w[i].device()));
}
std::vector<std::vector<double>> bits(const std::vector<Tensor>& w, const Optimizer& optimizer) {
  std::vector<std::vector<double>> all;
  for (const Tensor& x : w) all.push_back(x.to_vector<double>());
  all.push_back(in_compute_type(w[0]).to_vector<double>());
  for (const auto& [name, x] : optimizer.state()) all.push_back(x.to_vector<double>());
  return all;
}
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

// Whatever the place of the bad element, its parameter's dtype and the step; what follows is what follows without it.
TEST_P(LossScaleOn, ASkippedStepLeavesNothingBehind) {
  for (const auto& [name, make] : optimizers)
    for (const uint64_t bad_step : {1, 3}) {
      const auto w = weights(GetParam()), other = weights(GetParam());
      const auto optimizer = make(w), alone = make(other);
      LossScale scale({.initial = 1024});
      double divided = 1024;
      for (uint64_t step = 1; step <= 5; ++step) {
        give_gradients(w, step, divided);
        give_gradients(other, step, 1);
        if (step == bad_step) {
          const Tensor g = w[step % 3].grad();
          fill(g.size() > 1000 ? slice(g, 0, 4098, to_end) : g[0], step == 1 ? -INFINITY : NAN);
          const auto before = bits(w, *optimizer);
          const bool first = step == 1;
          scale.unscale(w);
          clip_grad_norm(w, 1e9);
          scale.step(*optimizer, 0.1);
          EXPECT_EQ(scale.state().scale, divided /= 2);
          const auto after = bits(w, *optimizer);
          for (size_t i = 0; i < (first ? 4 : before.size()); ++i) EXPECT_EQ(after[i], before[i]) << name << ", step " << step << ", tensor " << i;
          EXPECT_EQ(optimizer->state().at("0.step").item_i64(), int64_t(step) - 1);
        } else {
          scale.step(*optimizer, 0.1 / double(step));
          alone->step(0.1 / double(step));
        }
      }
      EXPECT_EQ(bits(w, *optimizer), bits(other, *alone)) << name << ", step " << bad_step << " skipped";
      const auto again = make(weights(GetParam()));
      again->load_state(optimizer->state());
      EXPECT_EQ(bits(w, *optimizer), bits(w, *again)) << name;
    }
}

TEST_P(LossScaleOn, AResumedRunIsTheSameBitForBit) {  // its steps 2, 6 and 10 are skipped
  for (const auto& [name, make] : optimizers) {
    auto train = [](const std::vector<Tensor>& w, Optimizer& optimizer, LossScale& scale, uint64_t from, uint64_t to) {
      for (uint64_t step = from; step < to; ++step) {
        give_gradients(w, step, scale.state().scale);
        if (step % 4 == 2) overflow(w[step % 3], INFINITY);
        scale.step(optimizer, 0.1);
      }
    };
    const LossScaleOptions options{.initial = 64, .interval = 2};
    const auto w = weights(GetParam()), resumed = weights(GetParam());
    const auto whole = make(w), second = make(resumed);
    LossScale scale(options), restored(options);
    train(w, *whole, scale, 1, 6);
    { NoGrad no_grad; for (size_t i = 0; i < w.size(); ++i) copy(w[i], resumed[i]); }
    second->load_state(whole->state());
    restored.restore(scale.state());
    train(w, *whole, scale, 6, 11);
    train(resumed, *second, restored, 6, 11);
    EXPECT_EQ(bits(w, *whole), bits(resumed, *second)) << name;
    EXPECT_EQ(scale.state().scale, restored.state().scale) << name;
    EXPECT_EQ(scale.state().steps, restored.state().steps) << name;
  }
}

// Only the first step has been taken, and skipped: there is a state, after no step.
TEST_P(LossScaleOn, AStateBeforeTheFirstStepIsLoaded) {
  for (const auto& [name, make] : optimizers) {
    const auto w = weights(GetParam());
    const auto optimizer = make(w), loaded = make(w);
    LossScale scale;
    overflow(w[1], NAN);
    scale.step(*optimizer, 0.1);
    loaded->load_state(optimizer->state());
    EXPECT_EQ(bits(w, *loaded), bits(w, *optimizer)) << name;
  }
}

// Parameters that miss a gradient count their own steps, also where some are skipped: a has all gradients, b none in step 2; 1 and 4 overflow.
TEST_P(LossScaleOn, ParametersCountTheirOwnSteps) {
  for (const auto& [name, make] : optimizers) {
    const auto parameter = [&] { return to(cast(normal({9}, 1), f32), GetParam()).detach().set_requires_grad(); };
    const Tensor a = parameter(), b = parameter(), a_alone = parameter(), b_alone = parameter();
    const auto both = make({a, b}), of_a = make({a_alone}), of_b = make({b_alone});
    LossScale scale({.initial = 1});
    for (uint64_t step = 1; step <= 6; ++step) {
      for (const Tensor& w : {a, b, a_alone, b_alone}) w.zero_grad();
      const bool skipped = step == 1 || step == 4;
      give_gradients({a}, step, skipped ? NAN : scale.state().scale);
      if (step != 2) give_gradients({b}, step, skipped ? NAN : scale.state().scale);
      if (!skipped) { give_gradients({a_alone}, step, 1); of_a->step(0.1); }
      if (b.grad() && !skipped) { give_gradients({b_alone}, step, 1); of_b->step(0.1); }
      scale.step(*both, 0.1);
    }
    EXPECT_EQ(a.to_vector<float>(), a_alone.to_vector<float>()) << name;
    EXPECT_EQ(b.to_vector<float>(), b_alone.to_vector<float>()) << name;
    EXPECT_EQ(both->state().at("0.step").item_i64(), 4) << name;
    EXPECT_EQ(both->state().at("1.step").item_i64(), 3) << name;
  }
}

TEST(LossScale, DevicesAgree) {
  if (!cuda_available()) GTEST_SKIP() << "needs a second device";
  for (const auto& [name, make] : optimizers) {
    std::vector<double> scales[2], values[2];
    for (const Device device : {cpu, cuda()}) {
      const auto w = weights(device);
      const auto optimizer = make(w);
      LossScale scale({.initial = 1000, .growth = 1.7, .backoff = 0.3, .interval = 2});
      for (uint64_t step = 1; step <= 12; ++step) {
        give_gradients(w, step, step % 5 ? scale.state().scale : INFINITY);
        scale.unscale(w);
        clip_grad_norm(w, 20);
        scale.step(*optimizer, 0.01);
        scales[device == cpu].push_back(scale.state().scale);
      }
      for (const Tensor& x : w) for (const double v : x.to_vector<double>()) values[device == cpu].push_back(v);
    }
    EXPECT_EQ(scales[0], scales[1]) << name;
    for (size_t i = 0; i < values[0].size(); ++i) ASSERT_NEAR(values[0][i], values[1][i], 1e-5) << name;
  }
}

// Of a parameter that was written after its shadow was made, a skipped step leaves no stale shadow.
TEST_P(LossScaleOn, AShadowIsUpToDateAfterASkippedStep) {
  const auto w = weights(GetParam());
  const auto optimizer = optimizers[4].second(w);
  { NoGrad no_grad; fill(w[0], 3); }
  overflow(w[0], NAN);
  LossScale scale;
  scale.step(*optimizer, 0.1);
  EXPECT_EQ(in_compute_type(w[0]).to_vector<float>(), std::vector<float>(35, 3));
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

// In any thread and block, and in any of several parameters.
TEST_P(LossScaleOn, ABadElementIsFoundWhereverItIs) {
  const std::vector<Tensor> parameters = {zeros({3001}, {f32, GetParam()}), zeros({5}, {f32, GetParam()}), zeros({70000}, {f32, GetParam()})};
  for (const Tensor& w : parameters) w.set_requires_grad();
  for (const auto& [which, at] : std::vector<std::pair<size_t, int64_t>>{{0, 0}, {0, 5}, {0, 1300}, {0, 3000}, {1, 4}, {2, 66}, {2, 40001}, {2, 69999}}) {
    for (size_t i = 0; i < parameters.size(); ++i) {
      Tensor g = ones({parameters[i].size()});
      if (i == which) g.data_mut<float>()[at] = at % 2 ? NAN : -INFINITY;
      parameters[i].set_grad(to(g, GetParam()));
    }
    LossScale scale;
    scale.unscale(parameters);
    EXPECT_TRUE(scale.overflowed()) << which << ", " << at;
  }
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
  EXPECT_EQ(error_of([] { LossScale({.initial = 1e-60}); }), "LossScale: initial is 1e-60; it must be a positive number");
  EXPECT_EQ(error_of([] { LossScale({.interval = 1 << 25}); }), "LossScale: interval is 33554432; it must be at most 16777216");
  EXPECT_EQ(error_of([] { LossScale({.growth = 1}); }), "LossScale: growth is 1; it must be above 1");
  EXPECT_EQ(error_of([] { LossScale({.backoff = 1}); }), "LossScale: backoff is 1; it must be between 0 and 1");
  EXPECT_EQ(error_of([] { LossScale({.interval = 0}); }), "LossScale: interval is 0; it must be at least 1");
  Problem p{};
  LossScale scale;
  p.loss().backward();
  scale.unscale({p.w});
  EXPECT_EQ(error_of([&] { scale.unscale({p.w}); }), "LossScale: unscale a second time without a step between");
  if (!cuda_available()) return;
  Problem there{cuda()};
  there.loss().backward();
  LossScale other;
  EXPECT_EQ(error_of([&] { other.unscale({p.w, there.w}); }), "LossScale: the gradients lie on two devices: f32[3] on cpu, f32[3] on cuda:0");
  other.unscale({p.w});
  EXPECT_EQ(error_of([&] { other.step(there.sgd, 0.1); }), "step: parameter 0 is f32[3] on cuda:0, and the loss scale on cpu");
}

// A step under a loss scale, with clipping and a skipped one among them, waits for nothing and asks the driver for nothing.
TEST(LossScale, NothingIsHiddenOnAGpu) {
  if (!cuda_available()) GTEST_SKIP() << "no GPU, and no emulated device, in this build";
  if (std::getenv("MICA_CUDA_CACHE")) GTEST_SKIP() << "MICA_CUDA_CACHE is set";
  const auto w = weights(cuda());
  const auto optimizer = optimizers[4].second(w);
  LossScale scale({.interval = 2});
  const Tensor large = tensor({1e38}, {f32, cuda()}), one = tensor({1}, {f32, cuda()});
  auto step = [&](const Tensor& factor) {
    Tensor loss = sum(cast(w[2], f32) * factor);
    for (const Tensor& x : {w[0], w[1]}) loss = loss + sum(square(x) * factor);
    scale(loss).backward();
    scale.unscale(w);
    clip_grad_norm(w, 0.5);
    scale.step(*optimizer, 0.01);
    optimizer->zero_grad();
  };
  for (int i = 0; i < 3; ++i) step(one);
  synchronize();
  const double before = scale.state().scale;
  {
    const SteadyState steady;
    step(one);
    step(large);
    step(one);
    scale.restore({64, 0});
    step(one);
  }
  EXPECT_EQ(before, 131072);
  EXPECT_EQ(scale.state().scale, 64);
  EXPECT_EQ(optimizer->state().at("0.step").item_i64(), 6);
}
