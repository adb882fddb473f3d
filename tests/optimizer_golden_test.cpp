#include "golden_file.h"
#include "op_case.h"
#include "mica/mica.h"
// 1,000 steps in float64 beside PyTorch's, every option, on two functions. tools/golden/optimizers.py has the same table.

using namespace mica;
using mica::testing::devices;
using mica::testing::difference;
using mica::testing::GoldenFile;

namespace {
using Vector = std::vector<double>;

Vector quadratic(const Vector& x) {  // the gradient of x^T A x / 2 - b^T x, A = D + u u^T
  const double d[] = {0.1, 0.5, 1, 4, 10}, u[] = {0.3, -0.2, 0.5, 0.1, -0.4}, b[] = {1, -1, 0.5, 2, -3};
  double along = 0;
  for (int i = 0; i < 5; ++i) along += u[i] * x[i];
  Vector g(5);
  for (int i = 0; i < 5; ++i) g[i] = d[i] * x[i] + u[i] * along - b[i];
  return g;
}
Vector rosenbrock(const Vector& x) {  // of (1 - x0)^2 + 100 (x1 - x0^2)^2
  const double off = x[1] - x[0] * x[0];
  return {-2 * (1 - x[0]) - 400 * x[0] * off, 200 * off};
}

struct Case {
  const char* name;
  double on_quadratic, on_rosenbrock;  // rates
  std::function<std::unique_ptr<Optimizer>(std::vector<Tensor>)> make;
  bool maximize = false;
};
template <class O> auto with(auto options) { return [=](std::vector<Tensor> w) -> std::unique_ptr<Optimizer> { return std::make_unique<O>(std::move(w), options); }; }
auto sgd(SgdOptions o) { return with<Sgd>(o); }
auto adagrad(AdaGradOptions o) { return with<AdaGrad>(o); }
auto rmsprop(RmsPropOptions o) { return with<RmsProp>(o); }
auto adam(AdamOptions o) { return with<Adam>(o); }
auto adamw(AdamWOptions o) { return with<AdamW>(o); }

const Case cases[] = {
    {"sgd/plain", 0.05, 1e-3, sgd({})},
    {"sgd/momentum", 0.02, 2e-4, sgd({.momentum = 0.9})},
    {"sgd/dampening", 0.05, 5e-4, sgd({.momentum = 0.8, .dampening = 0.3})},
    {"sgd/nesterov", 0.02, 2e-4, sgd({.momentum = 0.9, .nesterov = true})},
    {"sgd/weight_decay", 0.05, 1e-3, sgd({.weight_decay = 0.1})},
    {"sgd/maximize", 0.05, 1e-3, sgd({.maximize = true}), true},
    {"sgd/all", 0.02, 2e-4, sgd({.momentum = 0.9, .weight_decay = 0.05, .nesterov = true, .maximize = true}), true},
    {"sgd/l1", 0.05, 1e-3, sgd({.l1 = 0.3})},
    {"adagrad/plain", 0.3, 0.1, adagrad({})},
    {"adagrad/rate_decay", 0.3, 0.1, adagrad({.rate_decay = 0.01})},
    {"adagrad/weight_decay", 0.3, 0.1, adagrad({.weight_decay = 0.1})},
    {"adagrad/initial", 0.3, 0.1, adagrad({.initial = 0.5})},
    {"adagrad/eps", 0.3, 0.1, adagrad({.eps = 0.1})},
    {"adagrad/maximize", 0.3, 0.1, adagrad({.maximize = true}), true},
    {"rmsprop/plain", 0.002, 1e-3, rmsprop({})},
    {"rmsprop/alpha", 0.002, 1e-4, rmsprop({.alpha = 0.9})},
    {"rmsprop/eps", 0.002, 1e-3, rmsprop({.eps = 0.1})},
    {"rmsprop/momentum", 2e-4, 2e-4, rmsprop({.momentum = 0.9})},
    {"rmsprop/centred", 0.002, 1e-3, rmsprop({.eps = 1e-4, .centred = true})},
    {"rmsprop/weight_decay", 0.002, 1e-3, rmsprop({.weight_decay = 0.1})},
    {"rmsprop/maximize", 0.002, 1e-3, rmsprop({.maximize = true}), true},
    {"rmsprop/all", 5e-4, 1e-4, rmsprop({.alpha = 0.95, .eps = 1e-3, .momentum = 0.5, .weight_decay = 0.05, .centred = true})},
    {"adam/plain", 0.05, 0.02, adam({})},
    {"adam/betas", 0.05, 0.02, adam({.beta1 = 0.7, .beta2 = 0.995})},
    {"adam/eps", 0.05, 0.02, adam({.eps = 0.1})},
    {"adam/weight_decay", 0.05, 0.02, adam({.weight_decay = 0.1})},
    {"adam/amsgrad", 0.05, 0.02, adam({.beta2 = 0.9, .amsgrad = true})},
    {"adam/maximize", 0.05, 0.02, adam({.maximize = true}), true},
    {"adam/all", 0.05, 0.02, adam({.beta1 = 0.8, .beta2 = 0.95, .eps = 1e-4, .weight_decay = 0.05, .amsgrad = true, .maximize = true}), true},
    {"adam/l1", 0.05, 0.02, adam({.l1 = 0.3})},
    {"adamw/plain", 0.05, 0.02, adamw({})},
    {"adamw/betas", 0.05, 0.02, adamw({.beta1 = 0.7, .beta2 = 0.995})},
    {"adamw/eps", 0.05, 0.02, adamw({.eps = 0.1})},
    {"adamw/weight_decay", 0.05, 0.02, adamw({.weight_decay = 0.3})},
    {"adamw/amsgrad", 0.05, 0.02, adamw({.beta2 = 0.9, .amsgrad = true})},
    {"adamw/maximize", 0.05, 0.02, adamw({.maximize = true}), true},
};

Vector run(const Case& c, Device device, double rate, Vector start, Vector (*gradient)(const Vector&)) {
  auto there = [&](const Vector& v) { return from(v, {int64_t(v.size())}, {f64, device}); };
  const Tensor w = there(start).set_requires_grad();
  const auto optimizer = c.make({w});
  Vector seen;
  for (int step = 1; step <= 1000; ++step) {
    Vector g = gradient(w.to_vector<double>());
    if (c.maximize) for (double& v : g) v = -v;
    w.set_grad(there(g));
    optimizer->step(rate);
    if (step == 1 || step == 10 || step == 100 || step == 1000) for (double v : w.to_vector<double>()) seen.push_back(v);
  }
  return seen;
}
}  // namespace

TEST(OptimizerGolden, ThousandStepsAreTorchs) {
  GoldenFile golden("optimizers");
  for (Device device : devices())
    for (const Case& c : cases) {
      const std::string name = c.name, on = " on " + to_string(device);
      EXPECT_LE(difference(run(c, device, c.on_quadratic, {-5, 4, -6, 7, 5}, quadratic), golden.values(name + "/quadratic")), 1e-9) << name << on;
      EXPECT_LE(difference(run(c, device, c.on_rosenbrock, {-1.2, 1}, rosenbrock), golden.values(name + "/rosenbrock")), 1e-9) << name << on;
    }
  for (const char* prefix : {"sgd/", "adagrad/", "rmsprop/", "adam/", "adamw/"}) EXPECT_EQ(golden.unused(prefix), std::vector<std::string>{});
}

TEST(ScheduleGolden, RatesAreTorchs) {
  GoldenFile golden("optimizers");
  const std::pair<const char*, Schedule> schedules[] = {
      {"step", step_decay({.rate = 0.4, .every = 30})},
      {"milestones", milestone_decay({.rate = 0.4, .milestones = {20, 50, 51, 80}, .factor = 0.5})},
      {"exponential", exponential({.rate = 0.4, .factor = 0.95})},
      {"cosine", cosine({.rate = 0.4, .steps = 99, .least = 0.01})},
      {"one_cycle", one_cycle({.rate = 0.4, .steps = 100})},
      {"one_cycle_options", one_cycle({.rate = 0.4, .steps = 100, .warm = 0.2, .start = 10, .end = 100})},
      {"warm_up", warm_up({.steps = 8, .then = constant_rate(0.4)})},
      {"warm_up_cosine", warm_up({.steps = 8, .then = cosine({.rate = 0.4, .steps = 91})})},
  };
  for (const auto& [name, schedule] : schedules) {
    Vector rates;
    for (int step = 0; step < 100; ++step) rates.push_back(schedule(step));
    EXPECT_LE(difference(rates, golden.values(std::string("schedule/") + name)), 1e-12) << name;
  }
  const Vector losses = golden.values("schedule/plateau/losses");
  const std::pair<const char*, PlateauOptions> plateaus[] = {
      {"plateau", {.rate = 0.4}}, {"plateau_options", {.rate = 0.4, .factor = 0.5, .patience = 3, .threshold = 0.01, .least = 0.01, .cooldown = 4}}};
  for (const auto& [name, options] : plateaus) {
    Plateau plateau(options);
    Vector rates;
    for (double loss : losses) rates.push_back(plateau.update(loss));
    EXPECT_LE(difference(rates, golden.values(std::string("schedule/") + name + "/rates")), 1e-12) << name;
    EXPECT_EQ(plateau.rate(), rates.back());
  }
  EXPECT_EQ(golden.unused("schedule/"), std::vector<std::string>{});
}

TEST(ClipGolden, GradientsAreTorchs) {
  GoldenFile golden("optimizers");
  auto gradients = [&](const std::string& name, Device device) {
    std::vector<Tensor> w;
    for (int i = 0; golden.has(name + "/before" + std::to_string(i)); ++i) {
      const Tensor g = clone(to(golden.at(name + "/before" + std::to_string(i)), device));  // it is changed in place
      w.push_back(zeros_like(g).set_requires_grad());
      w.back().set_grad(g);
    }
    return w;
  };
  auto expect = [&](const std::string& name, const std::vector<Tensor>& w) {
    for (size_t i = 0; i < w.size(); ++i)
      EXPECT_LE(difference(w[i].grad().to_vector<double>(), golden.values(name + "/after" + std::to_string(i))), 1e-15) << name << " " << i;
  };
  for (Device device : devices()) {
    for (const auto& [name, most] : {std::pair{"clip/norm_above", 1.0}, {"clip/norm_below", 100.0}}) {
      const auto w = gradients(name, device);
      ASSERT_EQ(w.size(), 3);
      const double norm = golden.at(std::string(name) + "/norm").item();
      EXPECT_NEAR(grad_norm(w).item(), norm, 1e-12);
      EXPECT_NEAR(clip_grad_norm(w, most).item(), norm, 1e-12);
      expect(name, w);
    }
    const auto w = gradients("clip/value", device);
    clip_grad_value(w, 0.7);
    expect("clip/value", w);
  }
  EXPECT_EQ(golden.unused("clip/"), std::vector<std::string>{});
}

TEST(LossScaleGolden, TheScaleIsGradScalers) {
  GoldenFile golden("optimizers");
  const std::pair<const char*, LossScaleOptions> cases[] = {
      {"defaults", {}},
      {"growing", {.initial = 4, .interval = 3}},
      {"odd_factors", {.initial = 1000, .growth = 1.7, .backoff = 0.3, .interval = 2}},
      {"to_the_end", {.initial = 0x1p100, .growth = 8, .interval = 1}},
  };
  for (Device device : devices())
    for (const auto& [name, options] : cases) {
      const std::string prefix = std::string("loss_scale/") + name + "/";
      LossScale scale(options);
      const Tensor w = zeros({3}, {f32, device}).set_requires_grad();
      Sgd sgd({w});
      Vector scales;
      for (double overflow : golden.values(prefix + "overflows")) {
        w.set_grad(full({3}, overflow != 0 ? INFINITY : 1, {f32, device}));
        scale.step(sgd, 0.1);
        scales.push_back(scale.state().scale);
      }
      EXPECT_EQ(scales, golden.values(prefix + "scales")) << name << " on " << to_string(device);
    }
  EXPECT_EQ(golden.unused("loss_scale/"), std::vector<std::string>{});
}

TEST(EmaGolden, AverageIsTorchs) {
  GoldenFile golden("optimizers");
  for (Device device : devices()) {
    const Tensor weights = to(golden.at("ema/weights"), device), w = clone(weights[0]).set_requires_grad();
    Ema ema({w}, 0.9);
    for (int64_t i = 1; i < weights.size(0); ++i) {
      NoGrad no_grad;
      copy(weights[i], w);
      ema.update();
    }
    EXPECT_LE(difference(ema.averages()[0].to_vector<double>(), golden.values("ema/average")), 1e-14) << to_string(device);
  }
  EXPECT_EQ(golden.unused("ema/"), std::vector<std::string>{});
}
