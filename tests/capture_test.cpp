#include <gtest/gtest.h>
#include "mica/mica.h"
#include "op_case.h"
// A recorded step does what the step does, bit for bit.
using namespace mica;
using namespace mica::testing;

namespace {
class CaptureTest : public ::testing::Test {
  void SetUp() override { if (!cuda_available()) GTEST_SKIP() << "no GPU, and no emulated device, in this build"; }
};

// Convolution, batch norm, dropout and two layers; every parameter and buffer by name.
struct Net {
  Conv2d conv{1, 4, 3, {.padding = 1}};
  BatchNorm2d norm{4};
  Linear first{4 * 4 * 4, 16}, second{16, 5};
  bool training = true;
  Tensor operator()(const Tensor& x) const {
    const Tensor h = max_pool2d(relu(norm(conv(x))));
    return second(dropout(relu(first(reshape(h, {x.size(0), -1}))), {.p = 0.25}));
  }
  void fields(Fields& f) { f.child("conv", conv); f.child("norm", norm); f.child("first", first); f.child("second", second); f.training(training); }
};
std::map<std::string, std::vector<double>> values(const Net& net) {
  std::map<std::string, std::vector<double>> all;
  for (const auto& [name, x] : state(net)) all[name] = x.to_vector<double>();
  return all;
}

struct Trained { std::vector<double> losses, scales; std::map<std::string, std::vector<double>> weights; RandomState random; };
// f16: with a loss scale that grows until gradients overflow, every few steps.
template <class MakeOptimizer> Trained train(bool captured, MakeOptimizer make, DType compute = f32) {
  seed(3);
  Net net;
  to(net, cuda(), compute);
  auto optimizer = make(parameters(net));
  Ema ema(parameters(net), 0.9);
  LossScale scale({.initial = 4096, .growth = 16, .backoff = 1.0 / 16, .interval = 3});
  auto step = [&](const std::vector<Tensor>& batch, double rate) {
    const Tensor loss = cross_entropy(net(batch[0]), batch[1]);
    (compute == f16 ? scale(loss) : loss).backward();
    if (compute == f16) scale.unscale(parameters(net));
    clip_grad_norm(parameters(net), 0.5);
    if (compute == f16) scale.step(optimizer, rate);
    else optimizer.step(rate);
    optimizer.zero_grad();
    ema.update();
    return std::vector{loss};
  };
  Captured replayed(step, {.warm_up = 2});
  Trained result;
  for (int i = 0; i < 23; ++i) {  // 2 as they are, one recorded, 20 more replays
    const Tensor x = to(cast(normal({6, 1, 8, 8}, uint64_t(i) + 1), f32), cuda()), labels = to(ids({6}, 5, uint64_t(i) + 1), cuda());
    const double rate = 0.1 / (1 + i);
    const std::vector<Tensor> loss = captured ? replayed({x, labels}, rate) : step({x, labels}, rate);
    result.losses.push_back(loss[0].item());
    result.scales.push_back(scale.state().scale);
    EXPECT_EQ(replayed.recorded(), captured && i >= 2);
  }
  result.weights = values(net);
  for (const auto& [name, s] : optimizer.state()) result.weights["optimizer." + name] = s.template to_vector<double>();
  for (const Tensor& a : ema.averages()) result.weights["ema" + std::to_string(result.weights.size())] = a.to_vector<double>();
  result.random = random_state();
  return result;
}
template <class MakeOptimizer> Trained compare_runs(MakeOptimizer make, DType compute = f32) {
  const Trained eager = train(false, make, compute), replayed = train(true, make, compute);
  EXPECT_EQ(eager.losses, replayed.losses);
  EXPECT_EQ(eager.weights, replayed.weights);
  EXPECT_EQ(eager.scales, replayed.scales);
  EXPECT_EQ(eager.random, replayed.random);
  return replayed;
}
template <class MakeOptimizer> void compare_scaled_runs(MakeOptimizer make) {
  const Trained run = compare_runs(make, f16);
  int skipped = 0, while_replayed = 0;
  for (size_t i = 0; i < run.scales.size(); ++i)
    if (run.scales[i] < (i ? run.scales[i - 1] : 4096)) { ++skipped; while_replayed += i >= 3; }
  EXPECT_GE(while_replayed, 1) << "no overflow";
  EXPECT_EQ(run.weights.at("optimizer.0.step")[0] + skipped, 23);
}
}  // namespace

TEST_F(CaptureTest, TwentyReplaysAreTwentySteps) {
  compare_runs([](auto p) { return Sgd(p, {.momentum = 0.9f, .weight_decay = 1e-3f}); });
  compare_runs([](auto p) { return Adam(p, {.weight_decay = 1e-3f}); });
  compare_runs([](auto p) { return AdamW(p); }, bf16);
}

// The scale, and whether a step is taken, are the device's own.
TEST_F(CaptureTest, TwentyReplaysUnderALossScaleAreTwentySteps) {
  compare_scaled_runs([](auto p) { return Sgd(p, {.momentum = 0.9, .dampening = 0.1, .weight_decay = 1e-3}); });
  compare_scaled_runs([](auto p) { return Adam(p, {.weight_decay = 1e-3}); });
  compare_scaled_runs([](auto p) { return AdamW(p); });
}

// Weights are averaged, evaluated and put back between replays: kernels read their 16-bit copies, which are made again.
TEST_F(CaptureTest, WritesBetweenReplaysReachTheShadows) {
  auto run = [](bool captured) {
    seed(4);
    Net net;
    to(net, cuda(), bf16);
    Sgd sgd(parameters(net));
    auto step = [&](const std::vector<Tensor>& batch, double rate) {
      const Tensor loss = cross_entropy(net(batch[0]), batch[1]);
      loss.backward();
      sgd.step(rate);
      sgd.zero_grad();
      return std::vector{loss};
    };
    Captured replayed(step);
    std::vector<double> losses;
    const Tensor x = to(cast(normal({6, 1, 8, 8}, 1), f32), cuda()), labels = to(ids({6}, 5, 1), cuda());
    for (int i = 0; i < 8; ++i) {
      if (i >= 4) {
        NoGrad no_grad;
        for (const Tensor& w : parameters(net)) copy(w * 0.5, w);
      }
      losses.push_back((captured ? replayed({x, labels}, 0.1) : step({x, labels}, 0.1))[0].item());
    }
    return losses;
  };
  EXPECT_EQ(run(true), run(false));
}

TEST_F(CaptureTest, EvaluationBetweenReplaysSeesTheWeightsAsTheyAre) {
  const Tensor w = zeros({4}, {f32, cuda()}).set_requires_grad();
  Sgd sgd({w});
  Captured step([&](const std::vector<Tensor>& in, double rate) {
    const Tensor loss = sum(w * in[0]);
    loss.backward();
    sgd.step(rate);
    sgd.zero_grad();
    return std::vector{loss};
  });
  for (int i = 1; i <= 8; ++i) {
    step({ones({4}, {f32, cuda()})}, 1);
    const Tensor in_other_memory = w.detach() * 2;  // in the default stream, and its memory is not the graph's
    EXPECT_EQ(in_other_memory.to_vector<float>(), std::vector<float>(4, float(-2 * i)));
  }
}

TEST_F(CaptureTest, ItSaysWhyItCannot) {
  const Tensor x = ones({4}, {f32, cuda()});
  auto error = [&](std::function<Tensor(const Tensor&)> f) {
    Captured step([&](const std::vector<Tensor>& in, double) { return std::vector{f(in[0])}; }, {.warm_up = 1});
    step({x});
    const std::string text = error_of([&] { step({x}); });
    EXPECT_FALSE(step.recorded());
    EXPECT_EQ(sum(x * 2).item(), 8) << "the device works afterwards";
    return text.substr(0, text.find('\n'));
  };
  EXPECT_EQ(error([](const Tensor& t) { return t * sum(t).item(); }), "capture: the step waits for the device to copy to the CPU, which a recorded step cannot do again");
  EXPECT_EQ(error([](const Tensor& t) { return t * to(rand({4}), cuda()); }), "capture: the step draws random numbers on the CPU, which a recorded step cannot do again");
  EXPECT_EQ(error([](const Tensor& t) { return t + to(ones({4}) * 2, cuda()); }), "multiply: capture: the step works on the CPU, which a recorded step cannot do again");
  EXPECT_EQ(error([](const Tensor& t) { synchronize(); return t; }), "capture: the step waits for the device, which a recorded step cannot do again");
  EXPECT_EQ(error([](const Tensor& t) { const Stream s; const OnStream on(s); return t * 2; }), "capture: the step works in another stream, which a recorded step cannot do again");
}

TEST_F(CaptureTest, WhoTakesStepsDoesNotChange) {
  const Tensor a = ones({4}, {f32, cuda()}).set_requires_grad(), b = ones({4}, {f32, cuda()}).set_requires_grad();
  Sgd sgd({a, b}, {.momentum = 0.5});
  auto train = [&](const Tensor& loss) {
    sum(loss).backward();
    sgd.step(0.125);
    sgd.zero_grad();
  };
  auto error = [&](auto first, auto second) {  // of what is recorded after an eager step
    int calls = 0;
    Captured step([&](const std::vector<Tensor>&, double) { train(calls++ ? second() : first()); return std::vector<Tensor>{}; }, {.warm_up = 1});
    step();
    const std::string text = error_of([&] { step(); });
    sgd.zero_grad();
    return text;
  };
  auto of_a = [&] { return a * 1; };
  auto of_both = [&] { return a + b; };
  EXPECT_EQ(error(of_a, of_both), "capture: the step takes a parameter's first step, which a recorded step cannot do again");
  EXPECT_EQ(error(of_both, of_a), "(nothing thrown)");  // each has its own count by now
  EXPECT_EQ(b[0].item(), 1 - 0.125);    // nothing is left of the failed recording
  Sgd together({a, b});
  int calls = 0;
  Captured leaves_out([&](const std::vector<Tensor>&, double) {
    sum(calls++ ? of_a() : of_both()).backward();
    together.step(0);
    together.zero_grad();
    return std::vector<Tensor>{};
  }, {.warm_up = 1});
  leaves_out();
  EXPECT_EQ(error_of([&] { leaves_out(); }), "capture: the step leaves a parameter out for the first time, which a recorded step cannot do again");
}

TEST_F(CaptureTest, InputsMustFit) {
  Captured step([](const std::vector<Tensor>& in, double) { return std::vector{in[0] * 2}; }, {.warm_up = 1});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(step({full({3}, i, {f32, cuda()})})[0].to_vector<float>(), std::vector<float>(3, float(2 * i)));
  EXPECT_EQ(error_of([&] { step({ones({4}, {f32, cuda()})}); }), "Captured: input 0 is f32[4] on cuda:0; the step was recorded with f32[3] on cuda:0");
  EXPECT_EQ(error_of([&] { step({ones({3}, {f64, cuda()})}); }), "Captured: input 0 is f64[3] on cuda:0; the step was recorded with f32[3] on cuda:0");
  EXPECT_EQ(error_of([&] { step({ones({3})}); }), "Captured: input 0 is f32[3] on cpu; the step runs on cuda:0");
  EXPECT_EQ(error_of([&] { step({}); }), "Captured: 0 inputs; the step was recorded with 1");
  EXPECT_EQ(error_of([&] { Captured(nullptr); }), "Captured: the step is empty");
}

TEST_F(CaptureTest, MemoryOfAGraphIsItsOwn) {
  Tensor kept;
  {
    Captured step([&](const std::vector<Tensor>& in, double) { kept = in[0] + 1; return std::vector{kept * 2}; }, {.warm_up = 1});
    for (int i = 0; i < 3; ++i) step({full({1000}, i, {f32, cuda()})});
    kept = {};  // freed, but the next replay writes there
    const Tensor others = full({1000}, -1, {f32, cuda()});
    EXPECT_EQ(step({full({1000}, 5, {f32, cuda()})})[0].to_vector<float>(), std::vector<float>(1000, 12));
    EXPECT_EQ(others.to_vector<float>(), std::vector<float>(1000, -1));
  }
  const Tensor after = full({1000}, 3, {f32, cuda()});  // the graph is gone, its memory is free
  EXPECT_EQ(sum(after).item(), 3000);
}

TEST_F(CaptureTest, OnTheCpuEveryCallRunsAsItIs) {
  int calls = 0;
  Captured step([&](const std::vector<Tensor>& in, double) { ++calls; return std::vector{in[0] * 2}; }, {.device = cpu});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(step({full({2}, i)})[0].to_vector<float>(), std::vector<float>(2, float(2 * i)));
  EXPECT_EQ(calls, 5);
  EXPECT_FALSE(step.recorded());
}
