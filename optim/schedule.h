#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace mica {

// A learning rate as a function of the step (or the epoch: the caller counts). The formulas are torch.optim.lr_scheduler's.
using Schedule = std::function<double(int64_t step)>;

Schedule constant_rate(double rate);
struct StepDecay { double rate; int64_t every; double factor = 0.1; };
Schedule step_decay(StepDecay options);                       // rate factor^floor(step / every)
struct MilestoneDecay { double rate; std::vector<int64_t> milestones; double factor = 0.1; };
Schedule milestone_decay(MilestoneDecay options);             // a factor at each milestone
struct Exponential { double rate, factor; };
Schedule exponential(Exponential options);                    // rate factor^step
struct Cosine { double rate; int64_t steps; double least = 0; };
Schedule cosine(Cosine options);                              // from rate to least along half a cosine (Loshchilov and Hutter 2017), least beyond `steps`
struct OneCycle { double rate; int64_t steps; double warm = 0.3, start = 25, end = 1e4; };
Schedule one_cycle(OneCycle options);                         // rate / start up to rate in the first `warm` of the steps, down to rate / start / end (Smith and Topin 2018)
struct WarmUp { int64_t steps; Schedule then; };
Schedule warm_up(WarmUp options);                             // linear from then(0) / steps to then(0), and `then` from its beginning

// Lowers the rate when a loss has not fallen for a while.
struct PlateauOptions { double rate, factor = 0.1; int64_t patience = 10; double threshold = 1e-4, least = 0; int64_t cooldown = 0; };
class Plateau {
 public:
  explicit Plateau(PlateauOptions options);
  double update(double loss);                                 // once an epoch; returns the rate from now on
  double rate() const { return state_.rate; }

  struct State { double rate, best; int64_t bad = 0, cooling = 0; };  // all that a resumed run needs
  const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }
 private:
  PlateauOptions options_;
  State state_;
};

// A schedule over `steps` steps by name: constant, step (a tenth at a half and at three quarters), cosine, one-cycle. Throws Error with the
// names there are.
Schedule make_schedule(const std::string& name, double rate, int64_t steps);
std::vector<std::string> schedule_names();

}  // namespace mica
