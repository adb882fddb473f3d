#include "mica/optim/optimizer.h"
#include <algorithm>
#include <cstring>
#include <functional>
#include <set>
#include <tuple>
#include "mica/core/kernels.h"
#include "mica/core/ops/contiguous.h"
#include "mica/core/ops/update_rules.h"
#include "mica/core/recorder.h"
#include "mica/core/shadow.h"
#include "mica/optim/parameter_internal.h"

namespace mica {

// One kernel call: parameters of one group and device that have taken the same steps.
struct Optimizer::Parts {
  Device device;
  Tensor count, control;                     // counts its steps; a StepControl, or undefined
  std::vector<rule::Part> parts = {};
  std::vector<Tensor> held = {};             // gradients copied into their parameter's order
  std::vector<Tensor> parameters = {};
  std::vector<size_t> slots = {};
  std::function<void(void* to)> next = {};   // in a recorded step: writes the coefficients of the next step
  void* to = nullptr;                        // where `next` wants them, in place of a kernel call
  template <class R> void apply(const R& r) const {
    if (to) { std::memcpy(to, &r, sizeof r); return; }
    StepMemory memory{static_cast<int64_t*>(detail::start(count))};
    if (control) memory.control = static_cast<const StepControl*>(detail::start(control));
    if (Recorder* const recorder = device == cpu ? nullptr : recording()) memory.coefficients = recorder->vary(sizeof r, &r, next);
    step_parts(device, r, memory, parts);
  }
};

Optimizer::~Optimizer() = default;
Optimizer::Optimizer(std::vector<ParameterGroup> groups, Common common) : groups_(std::move(groups)), common_(common) {
  std::set<const Body*> seen;
  size_t count = 0;
  for (const auto& group : groups_) {
    detail::check_not_negative("optimizer: the factor on the rate", group.rate);
    detail::check_not_negative("optimizer: weight_decay", group.weight_decay.value_or(common_.weight_decay));
    detail::check_not_negative("optimizer: l1", group.l1.value_or(common_.l1));
    for (const Tensor& w : group.parameters) {
      detail::check_parameter("optimizer", count, w);
      if (!seen.insert(&w.body()).second) throw Error("optimizer: parameter " + std::to_string(count) + " is there twice: " + describe(w));
      ++count;
    }
  }
  slots_.resize(count);
}

std::vector<Tensor> Optimizer::parameters() const {
  std::vector<Tensor> all;
  for (const auto& group : groups_) all.insert(all.end(), group.parameters.begin(), group.parameters.end());
  return all;
}
void Optimizer::zero_grad() const {
  for (const auto& group : groups_) for (const Tensor& w : group.parameters) w.zero_grad();
}

void Optimizer::step(double rate) { take_step(rate, {}); }
void Optimizer::take_step(double rate, const Tensor& control) {
  detail::check_not_negative("step: the rate", rate);
  NoGrad no_grad;
  size_t i = 0;
  for (const auto& group : groups_) {
    std::vector<Parts> calls;
    for (const Tensor& w : group.parameters) {
      Slot& slot = slots_[i++];
      Tensor g = w.grad();
      if (!g || !w.requires_grad()) continue;
      if (g.dtype() != w.dtype() || g.device() != w.device()) throw Error("step: the gradient of parameter " + std::to_string(i - 1) + " is " + describe(g) + ", the parameter " + describe(w));
      if (control && control.device() != w.device()) throw Error("step: parameter " + std::to_string(i - 1) + " is " + describe(w) + ", and the loss scale on " + to_string(control.device()));
      if (!slot.count) cannot_record("takes a parameter's first step");
      if (slot.s.empty()) for (int k = 0; k < states(); ++k) slot.s.push_back(full_like(w, initial(k)));
      auto found = std::find_if(calls.begin(), calls.end(), [&](const Parts& c) { return c.device == w.device() && c.count.same(slot.count); });
      if (found == calls.end()) found = calls.insert(found, Parts{w.device(), slot.count, control});
      Parts& call = *found;
      if (!same_order(w.shape(), g.strides(), w.strides())) {
        const Tensor ordered = empty_like(w);
        copy_into(ordered, g);
        call.held.push_back(g = ordered);
      }
      if (control) refresh_shadow(w);  // where the step is skipped, nothing writes it
      written(w, "step", "");
      rule::Part part{w.dtype(), w.size(), detail::start(w), detail::start(g), {}};
      for (int k = 0; k < states(); ++k) {
        detail::follow(slot.s[size_t(k)], w);
        part.s[k] = detail::start(slot.s[size_t(k)]);
      }
      if (const Tensor shadow = shadow_to_write(w)) { part.shadow = detail::start(shadow); part.shadow_dtype = shadow.dtype(); }
      call.parts.push_back(part);
      call.parameters.push_back(w);
      call.slots.push_back(i - 1);
    }
    share_counts(calls);
    for (Parts& call : calls) {
      const Settings now{rate * group.rate, common_.maximize ? -1.0 : 1.0, group.weight_decay.value_or(common_.weight_decay), group.l1.value_or(common_.l1)};
      if (Recorder* const recorder = recording()) call.next = replayed(*recorder, now, call);
      update(now, call);
    }
  }
}

// Each call gets a count of steps of its own: the one of its parameters, unless others have it that take no part in this step, or it lies elsewhere.
void Optimizer::share_counts(std::vector<Parts>& calls) {
  for (Parts& call : calls) {
    const auto has_it = [&](const Slot& slot) { return slot.count.same(call.count); };
    const bool first = !call.count, all = size_t(std::count_if(slots_.begin(), slots_.end(), has_it)) == call.slots.size();
    if (!first && all && call.count.device() == call.device) continue;
    cannot_record("leaves a parameter out for the first time");
    call.count = first ? full({}, 0, {i64, call.device}) : to(clone(call.count), call.device);
    for (const size_t slot : call.slots) slots_[slot].count = call.count;
  }
}

// What a replay does in place of step(): the same changes to the parameters' versions, and the coefficients of its step, whose rate follows the one that
// the recorded step is called with.
std::function<void(void*)> Optimizer::replayed(Recorder& recorder, const Settings& recorded, const Parts& call) {
  const double given = recorder.rate(), factor = given != 0 ? recorded.rate / given : 0;
  return [this, &recorder, recorded, given, factor, device = call.device, parameters = call.parameters](void* to) {
    NoGrad no_grad;
    Settings now = recorded;
    if (given != 0) now.rate = factor * recorder.rate();
    for (const Tensor& w : parameters) {
      refresh_shadow(w);  // the recorded forward reads it, and somebody may have written w since
      written(w, "step", "");
      shadow_to_write(w);
    }
    Parts coefficients;
    coefficients.device = device;
    coefficients.to = to;
    update(now, coefficients);
  };
}

std::map<std::string, Tensor> Optimizer::state() const {
  std::map<std::string, Tensor> all;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const std::string name = std::to_string(i) + ".";
    all[name + "step"] = slots_[i].count ? clone(slots_[i].count) : full({}, 0, {i64});
    for (size_t k = 0; k < slots_[i].s.size(); ++k) all[name + "s" + std::to_string(k)] = slots_[i].s[k];
  }
  return all;
}
void Optimizer::load_state(const std::map<std::string, Tensor>& state) {
  std::vector<Slot> loaded(slots_.size());
  const std::vector<Tensor> all = parameters();
  size_t used = 0, group = 0, groups_end = groups_.empty() ? 0 : groups_[0].parameters.size();
  std::map<std::tuple<size_t, int64_t, std::string>, Tensor> counts;  // parameters of a group with as many steps take them together from now on
  for (size_t i = 0; i < loaded.size(); ++i) {
    const std::string name = std::to_string(i) + ".";
    const auto step = state.find(name + "step");
    if (step == state.end()) throw Error("load_state: there is no " + name + "step; the optimizer has " + std::to_string(slots_.size()) + " parameters");
    const int64_t steps = step->second.item_i64();
    ++used;
    if (steps == 0 && !state.contains(name + "s0")) continue;  // with states: the first step was skipped
    while (i >= groups_end) groups_end += groups_[++group].parameters.size();
    Tensor& count = counts[{group, steps, to_string(all[i].device())}];
    if (!count) count = full({}, steps, {i64, all[i].device()});
    loaded[i].count = count;
    for (int k = 0; k < states(); ++k, ++used) {
      const auto found = state.find(name + "s" + std::to_string(k));
      if (found == state.end()) throw Error("load_state: there is no " + name + "s" + std::to_string(k));
      if (found->second.shape() != all[i].shape()) throw Error("load_state: " + found->first + " is " + describe(found->second) + ", its parameter " + describe(all[i]));
      Tensor s = empty_like(all[i]);
      copy_into(s, found->second.detach());
      loaded[i].s.push_back(s);
    }
  }
  if (used != state.size()) throw Error("load_state: " + std::to_string(state.size()) + " tensors, of which this optimizer knows " + std::to_string(used));
  slots_ = std::move(loaded);
}

Sgd::Sgd(std::vector<ParameterGroup> groups, SgdOptions o) : Optimizer(std::move(groups), {o.weight_decay, o.l1, o.maximize}), options_(o) {
  if (o.nesterov && (o.momentum <= 0 || o.dampening != 0)) throw Error("Sgd: nesterov needs a momentum above 0 and no dampening");
}
int Sgd::states() const { return options_.momentum != 0; }
void Sgd::update(const Settings& now, const Parts& parts) const {
  if (options_.momentum == 0) return parts.apply(rule::PlainSgd{now.rate, now.sign, now.decay, now.l1});
  parts.apply(rule::Sgd{now.rate, now.sign, now.decay, now.l1, options_.momentum, 1 - options_.dampening, options_.nesterov ? 1.0 : 0.0, options_.nesterov ? options_.momentum : 1.0});
}

AdaGrad::AdaGrad(std::vector<ParameterGroup> groups, AdaGradOptions o) : Optimizer(std::move(groups), {o.weight_decay, o.l1, o.maximize}), options_(o) {}
void AdaGrad::update(const Settings& now, const Parts& parts) const {
  parts.apply(rule::AdaGrad{now.rate, now.sign, now.decay, now.l1, options_.eps, options_.rate_decay});
}

RmsProp::RmsProp(std::vector<ParameterGroup> groups, RmsPropOptions o) : Optimizer(std::move(groups), {o.weight_decay, o.l1, o.maximize}), options_(o) {}
int RmsProp::states() const { return options_.momentum != 0 || options_.centred ? 3 : 1; }
void RmsProp::update(const Settings& now, const Parts& parts) const {
  const auto& o = options_;
  if (states() == 1) parts.apply(rule::RmsProp{now.rate, now.sign, now.decay, now.l1, o.alpha, o.eps});
  else parts.apply(rule::RmsPropMomentum{now.rate, now.sign, now.decay, now.l1, o.alpha, o.eps, o.momentum, o.centred ? 1.0 : 0.0});
}

Adam::Adam(std::vector<ParameterGroup> groups, AdamOptions o, bool decoupled)
    : Optimizer(std::move(groups), {o.weight_decay, o.l1, o.maximize}), options_(o), decoupled_(decoupled) {
  for (double beta : {o.beta1, o.beta2}) if (!(beta >= 0 && beta < 1)) throw Error("Adam: beta is " + detail::number(beta) + "; it must be in [0, 1)");
}
void Adam::update(const Settings& now, const Parts& parts) const {
  const auto& o = options_;
  const double keep = decoupled_ ? 1 - now.rate * now.decay : 1, decay = decoupled_ ? 0 : now.decay;
  if (o.amsgrad) parts.apply(rule::AmsGrad{now.rate, now.sign, decay, now.l1, o.beta1, o.beta2, o.eps, keep});
  else parts.apply(rule::Adam{now.rate, now.sign, decay, now.l1, o.beta1, o.beta2, o.eps, keep});
}

AdamW::AdamW(std::vector<ParameterGroup> groups, AdamWOptions o)
    : Adam(std::move(groups), {o.beta1, o.beta2, o.eps, o.weight_decay, o.l1, o.amsgrad, o.maximize}, true) {}

std::vector<std::string> optimizer_names() { return {"sgd", "adagrad", "rmsprop", "adam", "adamw"}; }
std::unique_ptr<Optimizer> make_optimizer(const std::string& name, std::vector<ParameterGroup> groups, OptimizerSettings s) {
  if (name == "sgd") return std::make_unique<Sgd>(std::move(groups), SgdOptions{.momentum = s.momentum, .weight_decay = s.weight_decay, .nesterov = s.nesterov && s.momentum > 0});
  if (name == "adagrad") return std::make_unique<AdaGrad>(std::move(groups), AdaGradOptions{.weight_decay = s.weight_decay});
  if (name == "rmsprop") return std::make_unique<RmsProp>(std::move(groups), RmsPropOptions{.weight_decay = s.weight_decay});
  if (name == "adam") return std::make_unique<Adam>(std::move(groups), AdamOptions{.weight_decay = s.weight_decay});
  if (name == "adamw") return std::make_unique<AdamW>(std::move(groups), AdamWOptions{.weight_decay = s.weight_decay});
  std::string known;
  for (const auto& n : optimizer_names()) known += " " + n;
  throw Error("there is no optimizer named '" + name + "'; there are" + known);
}

std::vector<ParameterGroup> no_decay(const std::vector<Tensor>& parameters) {
  std::vector<ParameterGroup> groups(2);
  groups[1].weight_decay = 0;
  groups[1].l1 = 0;
  for (const Tensor& w : parameters) groups[w.rank() >= 2 ? 0 : 1].parameters.push_back(w);
  return groups;
}

}  // namespace mica
