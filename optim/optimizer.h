#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "mica/core/tensor.h"

namespace mica {

class LossScale;
class Recorder;

// Parameters that share settings; what is not said is the optimizer's.
struct ParameterGroup {
  std::vector<Tensor> parameters;
  double rate = 1;                             // factor on the rate of each step
  std::optional<double> weight_decay = {};
  std::optional<double> l1 = {};
};

// What all optimizers share. A step is one fused kernel over all parameters of a group; parameters without a gradient are left alone.
class Optimizer {
 public:
  virtual ~Optimizer();
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // One update of every parameter by its gradient. Throws Error where a gradient's dtype or device is not the parameter's.
  void step(double rate);
  void zero_grad() const;
  std::vector<Tensor> parameters() const;
  std::vector<ParameterGroup>& groups() { return groups_; }

  // Everything a resumed run needs, by name: 0.step, 0.s0, ... for parameter 0. load_state throws Error if names or shapes do not fit.
  std::map<std::string, Tensor> state() const;
  void load_state(const std::map<std::string, Tensor>& state);

 protected:
  struct Common { double weight_decay, l1; bool maximize; };
  Optimizer(std::vector<ParameterGroup> groups, Common common);

  struct Settings { double rate, sign, decay, l1; };
  struct Parts;
  virtual int states() const = 0;
  virtual double initial(int state) const { return 0 * state; }
  virtual void update(const Settings& now, const Parts& parts) const = 0;

 private:
  friend class LossScale;
  // Of one parameter. count: of its steps, [] i64, on its device, since a loss scale may skip one there; parameters of a group that have taken the same
  // steps share it. Undefined before the first one.
  struct Slot { Tensor count; std::vector<Tensor> s; };
  void take_step(double rate, const Tensor& control);  // control: a StepControl, or undefined
  void share_counts(std::vector<Parts>& calls);
  std::function<void(void*)> replayed(Recorder& recorder, const Settings& recorded, const Parts& call);
  std::vector<ParameterGroup> groups_;
  std::vector<Slot> slots_;  // in the order of the groups' parameters
  Common common_;
};

// weight_decay is the L2 penalty's factor (its gradient is weight_decay w), l1 the L1 penalty's. Options and formulas are torch.optim's.
struct SgdOptions { double momentum = 0, dampening = 0, weight_decay = 0, l1 = 0; bool nesterov = false, maximize = false; };
class Sgd final : public Optimizer {
 public:
  explicit Sgd(std::vector<ParameterGroup> groups, SgdOptions options = {});
  explicit Sgd(std::vector<Tensor> parameters, SgdOptions options = {}) : Sgd(std::vector<ParameterGroup>{{std::move(parameters)}}, options) {}
 private:
  int states() const override;
  void update(const Settings&, const Parts&) const override;
  SgdOptions options_;
};

struct AdaGradOptions { double rate_decay = 0, initial = 0, eps = 1e-10, weight_decay = 0, l1 = 0; bool maximize = false; };
class AdaGrad final : public Optimizer {
 public:
  explicit AdaGrad(std::vector<ParameterGroup> groups, AdaGradOptions options = {});
  explicit AdaGrad(std::vector<Tensor> parameters, AdaGradOptions options = {}) : AdaGrad(std::vector<ParameterGroup>{{std::move(parameters)}}, options) {}
 private:
  int states() const override { return 1; }
  double initial(int) const override { return options_.initial; }
  void update(const Settings&, const Parts&) const override;
  AdaGradOptions options_;
};

struct RmsPropOptions { double alpha = 0.99, eps = 1e-8, momentum = 0, weight_decay = 0, l1 = 0; bool centred = false, maximize = false; };
class RmsProp final : public Optimizer {
 public:
  explicit RmsProp(std::vector<ParameterGroup> groups, RmsPropOptions options = {});
  explicit RmsProp(std::vector<Tensor> parameters, RmsPropOptions options = {}) : RmsProp(std::vector<ParameterGroup>{{std::move(parameters)}}, options) {}
 private:
  int states() const override;
  void update(const Settings&, const Parts&) const override;
  RmsPropOptions options_;
};

struct AdamOptions { double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0, l1 = 0; bool amsgrad = false, maximize = false; };
class Adam : public Optimizer {
 public:
  explicit Adam(std::vector<ParameterGroup> groups, AdamOptions options = {}) : Adam(std::move(groups), options, false) {}
  explicit Adam(std::vector<Tensor> parameters, AdamOptions options = {}) : Adam(std::vector<ParameterGroup>{{std::move(parameters)}}, options) {}
 protected:
  Adam(std::vector<ParameterGroup> groups, AdamOptions options, bool decoupled);
 private:
  int states() const override { return options_.amsgrad ? 3 : 2; }
  void update(const Settings&, const Parts&) const override;
  AdamOptions options_;
  bool decoupled_;
};

// Adam whose weight decay does not pass through the moments: w loses rate weight_decay w at each step (Loshchilov and Hutter 2019).
struct AdamWOptions { double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.01, l1 = 0; bool amsgrad = false, maximize = false; };
class AdamW final : public Adam {
 public:
  explicit AdamW(std::vector<ParameterGroup> groups, AdamWOptions options = {});
  explicit AdamW(std::vector<Tensor> parameters, AdamWOptions options = {}) : AdamW(std::vector<ParameterGroup>{{std::move(parameters)}}, options) {}
};

// An optimizer by name (sgd, adagrad, rmsprop, adam, adamw) with its usual settings; throws Error with the names there are.
struct OptimizerSettings { double momentum = 0.9, weight_decay = 0; bool nesterov = true; };
std::unique_ptr<Optimizer> make_optimizer(const std::string& name, std::vector<ParameterGroup> groups, OptimizerSettings settings = {});
std::vector<std::string> optimizer_names();

// Two groups: parameters of rank 2 and more with decay, the others (biases, norms' scales and shifts) without.
std::vector<ParameterGroup> no_decay(const std::vector<Tensor>& parameters);

}  // namespace mica
