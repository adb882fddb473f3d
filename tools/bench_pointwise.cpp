// Cases of mica bench: every pointwise op, and the optimizers' steps.
#include "mica/core/ops/pointwise.h"

#include <memory>

#include "mica/core/shadow.h"
#include "mica/optim/optimizer.h"
#include "mica/tools/bench_cases.h"

namespace mica::tools {
namespace {

using Values = InputMaker::Values;
constexpr std::int64_t large = 1 << 24;

std::string mi(std::int64_t n) { return n >= 1 << 20 ? std::to_string(n >> 20) + " Mi elements" : std::to_string(n) + " elements"; }

template <class F> void add_unary(std::vector<BenchCase>& cases, const F& f, std::int64_t n, Values values, const std::string& choice) {
  cases.push_back({.op = F::name, .text = mi(n), .inputs = [n, values](InputMaker& make) { return Tensors{make.x({make.pick(n, 4099)}, values)}; },
                   .call = [f](const Tensors& t) { return unary(f, t[0]); }, .choice = choice});
}
template <class F> void add_binary(std::vector<BenchCase>& cases, const F& f, std::int64_t n) {
  cases.push_back({.op = F::name, .text = mi(n),
                   .inputs = [n](InputMaker& make) { const Shape shape{make.pick(n, 4099)}; return Tensors{make.x(shape, Values::positive), make.x(shape, Values::positive)}; },
                   .call = [f](const Tensors& t) { return binary(f, t[0], t[1]); }});
}

// log and its like need positive numbers; the others take both signs.
template <class F> constexpr Values values_for = std::is_same_v<F, op::Log> || std::is_same_v<F, op::Log1p> || std::is_same_v<F, op::Sqrt> || std::is_same_v<F, op::Rsqrt> ||
                                                         std::is_same_v<F, op::Reciprocal> ? Values::positive : Values::normal;
// cuDNN has these too.
template <class F> constexpr bool is_activation = std::is_same_v<F, op::Relu> || std::is_same_v<F, op::Sigmoid> || std::is_same_v<F, op::Tanh> || std::is_same_v<F, op::Elu>;

template <class... F> void add_unaries(std::vector<BenchCase>& cases, OpList<F...>) {
  (add_unary(cases, F{}, large, values_for<F>, is_activation<F> ? "activation" : ""), ...);
}
template <class... F> void add_binaries(std::vector<BenchCase>& cases, OpList<F...>) { (add_binary(cases, F{}, large), ...); }

// One step over parameters of ResNet-18's sizes: some large, many small ones. `states`: per parameter, each read and written.
void add_optimizer(std::vector<BenchCase>& cases, const std::string& name, int states) {
  cases.push_back({.op = name, .text = "13.1 M parameters",
                   .inputs = [](InputMaker& make) {
                     Tensors all;
                     for (int stage = 0; stage < 4; ++stage)
                       for (int layer = 0; layer < (stage == 0 ? 5 : 4); ++layer) {
                         const std::int64_t c = make.pick(64ll << stage, 4 + stage);
                         all.push_back(make.weight({c, c, 3, 3}, c * 9));
                         for (int i = 0; i < 2; ++i) all.push_back(make.scale({c}));
                       }
                     all.push_back(make.weight({make.pick(1000, 10), make.pick(512, 8)}, 512));
                     return all;
                   },
                   .bytes = [states](Pass, const Tensors& t, const Tensor&) {
                     double bytes = 0;
                     for (const Tensor& p : t) bytes += static_cast<double>(p.size()) * static_cast<double>((3 + 2 * states) * bytes_of(p.dtype()) + (compute_type(p) != p.dtype() ? 2 : 0));
                     return bytes;
                   },
                   .steps = [name](const Tensors& t) {
                     InputMaker make(t[0].dtype(), t[0].device(), true);
                     for (const Tensor& p : t) p.set_grad(make.gradient_of(p));
                     std::shared_ptr<Optimizer> optimizer = make_optimizer(name, std::vector<ParameterGroup>{{t}}, {.momentum = 0.9, .weight_decay = 5e-4, .nesterov = false});
                     return [optimizer, p = t[0]] { optimizer->step(1e-4); return p; };
                   }});
}

}  // namespace

void add_pointwise_cases(std::vector<BenchCase>& cases) {
  add_unaries(cases, UnaryOps{});
  add_binaries(cases, BinaryOps{});
  add_unary(cases, op::Relu{}, 4096, Values::normal, "activation");
  add_binary(cases, op::Add{}, 4096);
  cases.push_back({.op = "add", .text = "a number for each channel, 64 x 64 x 56 x 56",
                   .inputs = [](InputMaker& make) { return Tensors{make.image({make.pick(64, 3), 64, make.pick(56, 5), make.pick(56, 5)}), make.x({64, 1, 1})}; },
                   .call = [](const Tensors& t) { return add(t[0], t[1]); }});
}

void add_optimizer_cases(std::vector<BenchCase>& cases) {
  add_optimizer(cases, "sgd", 1);
  add_optimizer(cases, "adagrad", 1);
  add_optimizer(cases, "rmsprop", 1);
  add_optimizer(cases, "adam", 2);
  add_optimizer(cases, "adamw", 2);
}

}  // namespace mica::tools
