#include "mica/optim/schedule.h"
#include <algorithm>
#include <cmath>
#include <numbers>
#include "mica/core/error.h"

namespace mica {
namespace {
// From a to b along half a cosine, t in [0, 1].
double ease(double a, double b, double t) { return b + (a - b) * 0.5 * (1 + std::cos(std::numbers::pi * t)); }
void need(bool ok, const std::string& what) { if (!ok) throw Error("schedule: " + what); }
}  // namespace

Schedule constant_rate(double rate) { return [=](int64_t) { return rate; }; }
Schedule step_decay(StepDecay o) {
  need(o.every > 0, "`every` is " + std::to_string(o.every));
  return [=](int64_t step) { return o.rate * std::pow(o.factor, double(step / o.every)); };
}
Schedule milestone_decay(MilestoneDecay o) {
  need(std::is_sorted(o.milestones.begin(), o.milestones.end()), "the milestones are not in order");
  return [=](int64_t step) { return o.rate * std::pow(o.factor, double(std::upper_bound(o.milestones.begin(), o.milestones.end(), step) - o.milestones.begin())); };
}
Schedule exponential(Exponential o) { return [=](int64_t step) { return o.rate * std::pow(o.factor, double(step)); }; }
Schedule cosine(Cosine o) {
  need(o.steps > 0, "`steps` is " + std::to_string(o.steps));
  return [=](int64_t step) { return ease(o.rate, o.least, std::min(1.0, double(step) / double(o.steps))); };
}
Schedule one_cycle(OneCycle o) {
  need(o.steps > 0, "`steps` is " + std::to_string(o.steps));
  const double peak = o.warm * double(o.steps) - 1, last = double(o.steps) - 1, start = o.rate / o.start;
  return [=](int64_t step) {
    const double t = std::min(double(step), last);
    if (t <= peak) return ease(start, o.rate, peak > 0 ? t / peak : 1.0);
    return ease(o.rate, start / o.end, last > peak ? (t - peak) / (last - peak) : 1.0);
  };
}
Schedule warm_up(WarmUp o) {
  need(o.steps >= 0, "`steps` is " + std::to_string(o.steps));
  need(bool(o.then), "warm_up has no `then`");
  return [o = std::move(o)](int64_t step) { return step < o.steps ? o.then(0) * double(step + 1) / double(o.steps) : o.then(step - o.steps); };
}

Plateau::Plateau(PlateauOptions options) : options_(options), state_{options.rate, HUGE_VAL} {}
double Plateau::update(double loss) {
  auto& [rate, best, bad, cooling] = state_;
  if (loss < best * (1 - options_.threshold)) { best = loss; bad = 0; } else { ++bad; }
  if (cooling > 0) { --cooling; bad = 0; }
  if (bad > options_.patience) {
    rate = std::max(rate * options_.factor, options_.least);
    cooling = options_.cooldown;
    bad = 0;
  }
  return rate;
}

std::vector<std::string> schedule_names() { return {"constant", "step", "cosine", "one-cycle"}; }
Schedule make_schedule(const std::string& name, double rate, int64_t steps) {
  if (name == "constant") return constant_rate(rate);
  if (name == "step") return milestone_decay({.rate = rate, .milestones = {steps / 2, steps * 3 / 4}});
  if (name == "cosine") return cosine({.rate = rate, .steps = steps});
  if (name == "one-cycle") return one_cycle({.rate = rate, .steps = steps});
  std::string known;
  for (const auto& n : schedule_names()) known += " " + n;
  throw Error("there is no schedule named '" + name + "'; there are" + known);
}

}  // namespace mica
