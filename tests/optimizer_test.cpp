#include <gtest/gtest.h>
#include <cmath>
#include <cstring>
#include <filesystem>
#include "mica/core/kernels.h"
#include "mica/core/ops/contiguous.h"
#include "mica/core/safetensors.h"
#include "mica/cpu/update_table.h"
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

namespace {
using Make = std::function<std::unique_ptr<Optimizer>(std::vector<ParameterGroup>)>;
template <class O, class Options> Make with(Options options) {
  return [=](std::vector<ParameterGroup> groups) -> std::unique_ptr<Optimizer> { return std::make_unique<O>(std::move(groups), options); };
}
// One of each kernel, with every option that reaches it.
const std::pair<const char*, Make> optimizers[] = {
    {"sgd", with<Sgd>(SgdOptions{.weight_decay = 0.01, .l1 = 0.02})},
    {"momentum", with<Sgd>(SgdOptions{.momentum = 0.9, .weight_decay = 0.01, .nesterov = true, .maximize = true})},
    {"dampening", with<Sgd>(SgdOptions{.momentum = 0.9, .dampening = 0.5})},
    {"adagrad", with<AdaGrad>(AdaGradOptions{.rate_decay = 0.1, .initial = 0.1})},
    {"rmsprop", with<RmsProp>(RmsPropOptions{})},
    {"rmsprop centred", with<RmsProp>(RmsPropOptions{.eps = 0.1, .momentum = 0.9, .centred = true})},
    {"adam", with<Adam>(AdamOptions{.weight_decay = 0.01})},
    {"amsgrad", with<Adam>(AdamOptions{.beta2 = 0.9, .amsgrad = true})},
    {"adamw", with<AdamW>(AdamWOptions{})},
};

Tensor parameter(const Shape& shape, uint64_t seed, DType dtype, Device device = cpu) {
  return to(cast(cast(normal(shape, seed), f32), dtype), device).detach().set_requires_grad();
}
void give_gradients(const std::vector<Tensor>& w, uint64_t seed) {
  for (size_t i = 0; i < w.size(); ++i) w[i].set_grad(to(cast(cast(normal(w[i].shape(), seed * 100 + i), f32), w[i].dtype()), w[i].device()));
}
class OptimizerOn : public ::testing::TestWithParam<Device> {};
INSTANTIATE_TEST_SUITE_P(Devices, OptimizerOn, ::testing::ValuesIn(devices()), [](const auto& info) { return std::string(info.param == cpu ? "cpu" : "cuda"); });
std::vector<double> values_of(const std::vector<Tensor>& all) {
  std::vector<double> v;
  for (const Tensor& t : all) for (double x : t.to_vector<double>()) v.push_back(x);
  return v;
}
// The rows of one instruction set on n elements, beside the formula in double; nothing beyond n may change.
template <class R> void check_row(const UpdateTable& table, const R& rule, int64_t n, const char* isa) {
  constexpr int64_t guard = 20;
  auto make = [&](uint64_t seed, bool squared) {
    std::vector<float> v(size_t(n + guard), 77);
    const auto r = normal({n}, seed).template to_vector<double>();
    for (size_t i = 0; i < size_t(n); ++i) v[i] = float(squared ? r[i] * r[i] + 2 : r[i]);  // s0 is a mean of squares beside a small mean
    return v;
  };
  std::vector<float> w = make(1, false), g = make(2, false), s[3] = {make(3, true), make(4, true), make(5, false)};
  for (float& v : s[2]) if (v != 77) v *= 0.1f;
  std::vector<double> w64(w.begin(), w.end()), s64[3];
  for (int k = 0; k < 3; ++k) s64[k].assign(s[k].begin(), s[k].end());
  const std::vector<float> g_before = g;
  for (size_t i = 0; i < size_t(n); ++i) {
    double state[3] = {s64[0][i], s64[1][i], s64[2][i]};
    rule(w64[i], double(g[i]), state);
    for (int k = 0; k < R::states; ++k) s64[k][i] = state[k];
  }
  float* states[3] = {s[0].data(), s[1].data(), s[2].data()};
  table.row[rule::index_in<R>(rule::All{})](&rule, n, w.data(), g.data(), states);
  for (size_t i = 0; i < w.size(); ++i) {
    const double most = i < size_t(n) ? 1e-5 : 0;
    ASSERT_NEAR(w[i], w64[i], most) << isa << ", rule " << rule::index_in<R>(rule::All{}) << ", n " << n << ", element " << i;
    for (int k = 0; k < 3; ++k) ASSERT_NEAR(s[k][i], s64[k][i], most) << isa << ", rule " << rule::index_in<R>(rule::All{}) << ", n " << n << ", state " << k << ", element " << i;
  }
  ASSERT_EQ(g, g_before);
}
}  // namespace

TEST(Optimizer, KernelsOfEveryInstructionSetAreTheFormula) {
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"), v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
  const std::tuple<const char*, bool, const UpdateTable*> sets[] = {{"v2", true, &v2::updates}, {"v3", v3, &v3::updates}, {"v4", v4, &v4::updates}};
  for (const auto& [isa, here, table] : sets) {
    if (!here) continue;
    for (int64_t n : {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 100}) {
      check_row(*table, rule::PlainSgd{0.1, -1, 0.1, 0.2}, n, isa);
      check_row(*table, rule::Sgd{0.1, 1, 0.1, 0.2, 0.9, 0.7, 1, 0.9}, n, isa);
      check_row(*table, rule::AdaGrad{0.1, 1, 0.1, 0.2, 1e-3}, n, isa);
      check_row(*table, rule::RmsProp{0.1, 1, 0.1, 0.2, 0.9, 1e-3}, n, isa);
      check_row(*table, rule::RmsPropMomentum{0.1, 1, 0.1, 0.2, 0.9, 1e-3, 0.9, 1}, n, isa);
      check_row(*table, rule::Adam{0.1, -1, 0.1, 0.2, 0.9, 0.99, 1e-3, 0.99, 3}, n, isa);
      check_row(*table, rule::AmsGrad{0.1, 1, 0.1, 0.2, 0.9, 0.99, 1e-3, 0.99, 3}, n, isa);
      check_row(*table, rule::Average{0.9}, n, isa);
      check_row(*table, rule::Scale{0.3}, n, isa);
      check_row(*table, rule::Limit{0.5}, n, isa);
    }
  }
}

TEST_P(OptimizerOn, FloatIsDoubleRounded) {
  std::vector<Shape> shapes = {{}, {1}, {0}, {3, 5}, {2, 3, 3, 3}, {1003}, {20011}};  // the last is cut between threads, and between blocks of a GPU
  shapes.resize(140, {3});                                                            // more than one launch
  for (const auto& [name, make] : optimizers) {
    std::vector<double> result[2], start;
    for (DType dtype : {f64, f32}) {
      std::vector<Tensor> w;
      for (size_t i = 0; i < shapes.size(); ++i) w.push_back(parameter(shapes[i], i, dtype, GetParam()));
      start = values_of(w);
      const auto optimizer = make({{w}});
      for (uint64_t step = 1; step <= 4; ++step) { give_gradients(w, step); optimizer->step(0.01); }
      result[dtype == f32] = values_of(w);
    }
    double worst = 0, moved = 0;
    for (size_t i = 0; i < start.size(); ++i) {
      worst = std::max(worst, std::abs(result[0][i] - result[1][i]) / (1 + std::abs(result[0][i])));
      moved = std::max(moved, std::abs(result[0][i] - start[i]));
    }
    EXPECT_LE(worst, 2e-5) << name;  // a gradient near 0 is divided by its root mean square
    EXPECT_GE(moved, 0.01) << name;
  }
}

TEST(Optimizer, ThreadsAndPartsDoNotChangeABit) {
  for (const auto& [name, make] : optimizers) {
    std::vector<double> result[3];
    for (int n : {1, 2, 3}) {
      const int before = threads();
      set_threads(n);
      const std::vector<Tensor> w = {parameter({20003}, 1, f32), parameter({5}, 2, f32), parameter({10001}, 3, f32)};
      const auto optimizer = make({{w}});
      for (uint64_t step = 1; step <= 3; ++step) { give_gradients(w, step); optimizer->step(0.01); }
      result[n - 1] = values_of(w);
      set_threads(before);
    }
    EXPECT_TRUE(result[0] == result[1] && result[0] == result[2]) << name;
  }
}

TEST_P(OptimizerOn, MemoryOrderDoesNotMatter) {
  for (const auto& [name, make] : optimizers) {
    const Tensor plain = parameter({3, 4, 5, 2}, 1, f32, GetParam()), last = contiguous(plain.detach(), Layout::channels_last).set_requires_grad();
    const auto a = make({{{plain}}}), b = make({{{last}}});
    for (uint64_t step = 1; step <= 3; ++step) {
      give_gradients({plain}, step);
      last.set_grad(plain.grad());  // row-major beside a channels-last parameter
      a->step(0.1);
      b->step(0.1);
    }
    EXPECT_EQ(plain.to_vector<float>(), last.to_vector<float>()) << name;
  }
}

TEST_P(OptimizerOn, GroupsHaveRatesAndDecayOfTheirOwn) {
  for (const auto& [name, make] : optimizers) {
    auto weights = [] { return std::vector{parameter({7}, 1, f64, GetParam()), parameter({3, 2}, 2, f64, GetParam()), parameter({4}, 3, f64, GetParam())}; };
    const auto w = weights(), alone = weights();
    const auto optimizer = make({{{w[0]}}, {{w[1]}, 0.1, 0.5, 0.25}, {{w[2]}, 2, 0.0, 0.0}});
    const auto first = make({{{alone[0]}}}), second = make({{{alone[1]}, 1, 0.5, 0.25}}), third = make({{{alone[2]}, 1, 0.0, 0.0}});
    for (uint64_t step = 1; step <= 5; ++step) {
      give_gradients(w, step);
      give_gradients(alone, step);
      optimizer->step(0.05);
      first->step(0.05);
      second->step(0.05 * 0.1);
      third->step(0.05 * 2);
    }
    EXPECT_EQ(values_of(w), values_of(alone)) << name;
  }
}

// Parameters that lie at any place of their storage, so that their parts are not on whole packs of 16 bytes.
TEST_P(OptimizerOn, PlacesInMemoryDoNotMatter) {
  for (const auto& [name, make] : optimizers) {
    const Tensor values = parameter({4099}, 1, f32, GetParam()).detach();
    std::vector<std::vector<double>> result;
    for (int64_t shift : {0, 1}) {
      const Tensor storage = zeros({4099 + shift}, {f32, GetParam()}), w = slice(storage, 0, shift, to_end).detach();
      copy(values, w);
      w.set_requires_grad();
      const auto optimizer = make({{{w}}});
      for (uint64_t step = 1; step <= 3; ++step) { give_gradients({w}, step); optimizer->step(0.01); }
      result.push_back(values_of({w}));
      if (shift) { EXPECT_EQ(storage[0].item(), 0) << name; }
    }
    for (size_t i = 0; i < result[0].size(); ++i) ASSERT_NEAR(result[0][i], result[1][i], 1e-6) << name;  // a GPU's compiler contracts the two paths as it likes
  }
}

// `to` keeps handles: the states go where their parameter has gone.
TEST(Optimizer, StatesFollowTheirParameters) {
  if (!cuda_available()) GTEST_SKIP() << "needs a second device";
  for (const auto& [name, make] : optimizers) {
    std::vector<double> result[2];
    for (bool moves : {false, true}) {
      Linear layer(5, 3);
      { NoGrad no_grad; copy(normal({3, 5}, 1), layer.weight); copy(normal({3}, 2), layer.bias); }
      const std::vector<Tensor> w = parameters(layer);
      const auto optimizer = make({{w}});
      Ema ema(w, 0.5);
      for (uint64_t step = 1; step <= 4; ++step) {
        if (moves && step == 3) to(layer, cuda());
        for (const Tensor& t : w) t.zero_grad();
        give_gradients(w, step);
        optimizer->step(0.01);
        ema.update();
      }
      EXPECT_EQ(w[0].device(), moves ? cuda() : cpu);
      result[moves] = values_of({w[0], w[1], ema.averages()[0], ema.averages()[1]});
    }
    for (size_t i = 0; i < result[0].size(); ++i) ASSERT_NEAR(result[0][i], result[1][i], 1e-6) << name;
  }
}

TEST(Optimizer, PenaltiesAreTermsOfTheLoss) {
  const Tensor w = tensor({-2, 0, 3}, {f64}).set_requires_grad();
  w.set_grad(tensor({1, 1, 1}, {f64}));
  Sgd({w}, {.l1 = 0.5}).step(0.1);
  EXPECT_EQ(w.to_vector<double>(), (std::vector<double>{-2 - 0.1 * 0.5, 0 - 0.1, 3 - 0.1 * 1.5}));
  const Tensor v = tensor({-2, 0, 3}, {f64}).set_requires_grad();
  v.set_grad(tensor({0, 0, 0}, {f64}));
  AdamW({v}).step(0.5);  // decay beside the moments: 0.01 by default
  EXPECT_EQ(v.to_vector<double>(), (std::vector<double>{-2 * 0.995, 0, 3 * 0.995}));
}

TEST(Optimizer, NoDecayKeepsBiasesFree) {
  const Tensor weight = parameter({3, 2}, 1, f32), bias = parameter({3}, 2, f32), scale = parameter({}, 3, f32);
  const auto groups = no_decay({weight, bias, scale});
  ASSERT_EQ(groups.size(), 2);
  ASSERT_EQ(groups[0].parameters.size(), 1);
  EXPECT_TRUE(groups[0].parameters[0].same(weight));
  EXPECT_EQ(groups[1].parameters.size(), 2);
  const auto start = values_of({bias, scale}), w = values_of({weight});
  Sgd sgd(groups, {.weight_decay = 0.5});
  for (const Tensor& t : {weight, bias, scale}) t.set_grad(zeros_like(t));
  sgd.step(0.1);
  EXPECT_EQ(values_of({bias, scale}), start);
  EXPECT_NEAR(values_of({weight})[0], w[0] * 0.95, 1e-6);
}

TEST_P(OptimizerOn, WithoutAGradientNothingHappens) {  // and the steps of each parameter are counted on their own
  for (const auto& [name, make] : optimizers) {
    const Tensor a = parameter({5}, 1, f64, GetParam()), b = parameter({5}, 1, f64, GetParam()), frozen = parameter({5}, 1, f64, GetParam());
    const auto both = make({{{a, frozen}}}), alone = make({{{b}}});
    for (uint64_t step = 1; step <= 6; ++step) {
      give_gradients({frozen}, step);
      frozen.set_requires_grad(false);
      a.zero_grad();
      if (step % 2 == 0) { give_gradients({a}, step); b.set_grad(a.grad()); alone->step(0.1); }
      both->step(0.1);
    }
    EXPECT_EQ(values_of({a}), values_of({b})) << name;
    EXPECT_EQ(values_of({frozen}), values_of({parameter({5}, 1, f64, GetParam())})) << name;
    frozen.set_requires_grad();
    both->zero_grad();
    EXPECT_FALSE(a.grad()) << name;
  }
}

TEST_P(OptimizerOn, AResumedRunIsTheSameBitForBit) {
  const auto file = (std::filesystem::temp_directory_path() / ("mica_optimizer_" + std::to_string(::getpid()) + ".safetensors")).string();
  for (const auto& [name, make] : optimizers) for (DType dtype : {f32, f64}) {
    auto weights = [&] {
      return std::vector{parameter({7, 3}, 1, dtype, GetParam()), contiguous(parameter({2, 3, 4, 5}, 2, dtype, GetParam()).detach(), Layout::channels_last).set_requires_grad(), parameter({5}, 3, dtype, GetParam())};
    };
    auto train = [&](const std::vector<Tensor>& w, Optimizer& optimizer, uint64_t from, uint64_t to) {
      for (uint64_t step = from; step < to; ++step) {
        give_gradients({w[0], w[1]}, step);  // w[2] has no gradient yet
        optimizer.step(0.1 / double(step));
      }
    };
    const auto whole = weights();
    const auto a = make({{whole}});
    train(whole, *a, 1, 11);
    const auto half = weights();
    const auto b = make({{half}});
    train(half, *b, 1, 6);
    auto saved_tensors = b->state();
    for (size_t i = 0; i < half.size(); ++i) saved_tensors["w" + std::to_string(i)] = half[i].detach();
    save_safetensors(file, saved_tensors);
    train(half, *b, 6, 8);  // what is saved stays as it was

    auto state = load_safetensors(file).tensors;
    const auto resumed = weights();
    for (size_t i = 0; i < resumed.size(); ++i) {
      NoGrad no_grad;
      copy(state.at("w" + std::to_string(i)), resumed[i]);
      state.erase("w" + std::to_string(i));
    }
    const auto c = make({{resumed}});
    c->load_state(state);
    train(resumed, *c, 6, 11);
    EXPECT_EQ(values_of(resumed), values_of(whole)) << name;
  }
  std::filesystem::remove(file);
}

TEST_P(OptimizerOn, ReachesTheMinimumThroughTheTape) {
  for (const auto& [name, make] : optimizers) {
    if (std::string(name) == "momentum") continue;  // it maximizes
    const Tensor w = tensor({1, -2, 3}, {f32, GetParam()}).set_requires_grad();
    const auto optimizer = make({{{w}, 1, 0.0, 0.0}});
    for (int step = 0; step < 800; ++step) {
      const Tensor off = w - tensor({0.5, 0.5, 0.5}, {f32, GetParam()}), loss = off * off;
      loss.backward(full({3}, 1, {f32, GetParam()}));
      optimizer->step((std::string(name) == "adagrad" ? 2 : 0.05) / (1 + step / 100.0));
      optimizer->zero_grad();
    }
    for (double v : w.to_vector<double>()) EXPECT_NEAR(v, 0.5, 0.02) << name;
  }
}

TEST(Optimizer, MistakesAreNamed) {
  const Tensor w = full({2, 3}, 1).set_requires_grad(), v = full({4}, 1).set_requires_grad();
  EXPECT_EQ(error_of([&] { Sgd({w, v, w}); }), "optimizer: parameter 2 is there twice: f32[2, 3] on cpu");
  EXPECT_EQ(error_of([&] { Sgd({w, Tensor()}); }), "optimizer: parameter 1 is undefined");
  EXPECT_EQ(error_of([&] { Adam({full({2}, 1, {bf16})}); }), "optimizer: parameter 0 is bf16[2] on cpu; parameters are f32 or f64");
  EXPECT_EQ(error_of([&] { Adam({slice(full({4, 4}, 1), 1, 0, 2)}); }), "optimizer: parameter 0 is a view with gaps: f32[4, 2] on cpu");
  EXPECT_EQ(error_of([&] { Sgd({w}, {.nesterov = true}); }), "Sgd: nesterov needs a momentum above 0 and no dampening");
  EXPECT_EQ(error_of([&] { Sgd({w}, {.weight_decay = -0.1}); }), "optimizer: weight_decay is -0.1; it must not be negative");
  EXPECT_EQ(error_of([&] { Sgd(std::vector<ParameterGroup>{{{w}, 1, {}, -2.0}}); }), "optimizer: l1 is -2; it must not be negative");
  EXPECT_EQ(error_of([&] { Adam({w}, {.beta1 = 1}); }), "Adam: beta is 1; it must be in [0, 1)");
  EXPECT_EQ(error_of([&] { Sgd({w}).step(-1); }), "step: the rate is -1; it must not be negative");
  EXPECT_EQ(error_of([&] { Sgd({w}).step(NAN); }), "step: the rate is nan; it must not be negative");
  EXPECT_EQ(error_of([&] { make_optimizer("adma", {{{w}}}); }), "there is no optimizer named 'adma'; there are sgd adagrad rmsprop adam adamw");
  for (const auto& name : optimizer_names()) EXPECT_TRUE(make_optimizer(name, {{{w}}}));
}

TEST(Optimizer, AStateThatDoesNotFitIsRefused) {
  const Tensor w = parameter({2, 3}, 1, f32), v = parameter({4}, 2, f32);
  give_gradients({w, v}, 1);
  Adam adam({w, v});
  adam.step(0.1);
  auto state = adam.state();
  const auto before = values_of({state.at("0.s0"), state.at("1.s1")});
  auto without = [&](const char* name) { auto s = state; s.erase(name); return s; };
  EXPECT_EQ(error_of([&] { adam.load_state(without("1.step")); }), "load_state: there is no 1.step; the optimizer has 2 parameters");
  EXPECT_EQ(error_of([&] { adam.load_state(without("1.s1")); }), "load_state: there is no 1.s1");
  auto wrong = state;
  wrong["0.s0"] = full({3, 2}, 0);
  EXPECT_EQ(error_of([&] { adam.load_state(wrong); }), "load_state: 0.s0 is f32[3, 2] on cpu, its parameter f32[2, 3] on cpu");
  auto more = state;
  more["2.step"] = full({}, 1, {i64});
  EXPECT_EQ(error_of([&] { adam.load_state(more); }), "load_state: 7 tensors, of which this optimizer knows 6");
  EXPECT_EQ(error_of([&] { Sgd({w, v}, {.momentum = 0.9}).load_state(state); }), "load_state: 6 tensors, of which this optimizer knows 4");
  EXPECT_EQ(values_of({adam.state().at("0.s0"), adam.state().at("1.s1")}), before);  // a refused state changes nothing
}
