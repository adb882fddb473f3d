#include "mica/tools/bench_run.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>

#include "mica/core/config.h"
#include "mica/core/error.h"
#include "mica/core/implementation.h"
#include "mica/core/observer.h"
#include "mica/core/ops/pointwise.h"
#include "mica/core/random.h"
#include "mica/core/shadow.h"
#include "mica/core/stream.h"
#include "mica/tools/interrupt.h"

namespace mica::tools {
namespace {

using Values = std::vector<std::vector<double>>;

// What the ops of a forward pass read and write, and what backward has to; what they compute.
class Traffic : public Observer {
 public:
  double bytes[2] = {0, 0}, operations[2] = {0, 0};  // forward, backward
  void ran(const Call& call) override {
    if (call.info.is_view) return;
    int gradients = 0;
    for (std::size_t i = 0; i < call.x.size(); ++i) {
      const Tensor& x = call.x[i];
      if (!x) continue;
      const unsigned flags = call.info.input(i).flags;
      const double read = static_cast<double>(x.size()) * static_cast<double>(bytes_of(flags & shadowed ? compute_type(x) : x.dtype()));
      const bool differentiable = x.requires_grad() && !(flags & no_gradient);
      bytes[0] += read;
      bytes[1] += (flags & saved ? read : 0) + (differentiable ? static_cast<double>(x.bytes()) : 0);
      if (differentiable && i < 2) ++gradients;  // a product's two operands; its bias is no product
    }
    for (std::size_t i = 0; i < call.y.size(); ++i) {
      bytes[0] += static_cast<double>(call.y[i].bytes());
      bytes[1] += static_cast<double>(call.y[i].bytes()) * (call.info.outputs[i].flags & saved ? 2 : 1);
    }
    const double products = 2.0 * static_cast<double>(call.work().multiply_adds);
    operations[0] += products;
    operations[1] += products * gradients;
  }
};

bool takes_gradient(const BenchCase& c, const Tensor& y, const Tensors& inputs) {
  return !c.steps && is_float(y.dtype()) && y.requires_grad() && std::any_of(inputs.begin(), inputs.end(), [](const Tensor& x) { return x.requires_grad(); });
}

// The result, and the gradient of each input that has one; dy is made for the first and given for others. A step leaves its parameters.
struct Outcome {
  Values values;             // y, then gradients
  Tensor dy;                 // f64 on the CPU; undefined where there is no backward
  std::exception_ptr fault;  // of backward
};
Outcome outcome(const BenchCase& c, const Tensors& inputs, Tensor dy, InputMaker* make) {
  set_random_state({7, 0});
  Outcome o;
  if (c.steps) {
    c.steps(inputs)();
    for (const Tensor& x : inputs) o.values.push_back(x.to_vector<double>());
    return o;
  }
  const Tensor y = c.call(inputs);
  o.values.push_back(y.to_vector<double>());
  if (!takes_gradient(c, y, inputs)) return o;
  if (!dy) dy = make->gradient_of(y);
  o.dy = cast(to(dy, cpu), f64);
  try {
    y.backward(cast(dy, y.dtype()));
    for (const Tensor& x : inputs)
      if (x.requires_grad()) o.values.push_back(x.grad() ? x.grad().to_vector<double>() : std::vector<double>());
  } catch (const std::exception&) {
    o.fault = std::current_exception();
  }
  return o;
}

// The same inputs, as rounded, in float64 on the CPU.
Tensors in_f64(const Tensors& inputs) {
  NoGrad no_grad;
  Tensors wide;
  for (const Tensor& x : inputs) {
    Tensor copy = to(x, cpu);
    if (is_float(copy.dtype())) copy = clone(cast(copy, f64));
    if (x.requires_grad()) copy.set_requires_grad();
    wide.push_back(copy);
  }
  return wide;
}

double difference(const std::vector<double>& a, const std::vector<double>& reference) {
  if (a.size() != reference.size()) return std::numeric_limits<double>::infinity();
  double largest = 0, scale = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == reference[i] || (std::isnan(a[i]) && std::isnan(reference[i]))) continue;
    const double off = std::abs(a[i] - reference[i]);
    largest = std::isfinite(off) ? std::max(largest, off) : std::numeric_limits<double>::infinity();
  }
  for (const double v : reference) scale = std::isfinite(v) ? std::max(scale, std::abs(v)) : scale;
  return largest == 0 ? 0 : largest / scale;
}

struct Errors {
  double forward = NAN, backward = NAN;
  bool has_backward = false;
  std::exception_ptr fault = {};  // of backward
};

std::string sizes_of(const Tensors& inputs) {
  std::string text;
  for (std::size_t i = 0; i < inputs.size() && i < 4; ++i) text += (i ? " " : "") + (i == 3 && inputs.size() > 4 ? "..." : to_string(inputs[i].shape()));
  return text;
}

// A case in one dtype on one device, at the size that is timed.
class Timed {
 public:
  Timed(const BenchCase& c, DType dtype, Device device, bool small) : c_(c), make_(dtype, device, small), inputs_(c.inputs(make_)) {
    if (c.steps) {
      step_ = c.steps(inputs_);
      if (c.bytes) traffic_.bytes[0] = c.bytes(Pass::step, inputs_, {});
    }
  }
  std::string sizes() const { return sizes_of(inputs_); }

  // The times of each pass by the implementation that is set now, through `done`, which says whether to go on. `pass` is the one at work.
  template <class Done> void measure(double budget, Pass& pass, Done done) {
    const Device device = make_.device();
    if (c_.steps) return void(done(Pass::step, time_of([&] { step_(); }, device, budget), traffic_.bytes[0], 0.0));
    const Tensor y = taped();
    const double bytes[] = {c_.bytes ? c_.bytes(Pass::forward, inputs_, y) : traffic_.bytes[0], c_.bytes ? c_.bytes(Pass::backward, inputs_, y) : traffic_.bytes[1]};
    Timing time;
    {
      NoGrad no_grad;
      time = time_of([&] { c_.call(inputs_); }, device, budget);
    }
    if (!done(Pass::forward, time, bytes[0], traffic_.operations[0]) || !takes_gradient(c_, y, inputs_)) return;
    pass = Pass::backward;
    const Tensor again = taped();  // by what forward's measurements have settled on
    const Tensor dy = make_.gradient_of(again);
    time = time_of([&] {
      again.backward(dy, {.retain_graph = true});
      for (const Tensor& x : inputs_) if (x.requires_grad()) x.zero_grad();
    }, device, budget);
    done(Pass::backward, time, bytes[1], traffic_.operations[1]);
  }

 private:
  Tensor taped() {
    Traffic traffic;
    const Tensor y = c_.call(inputs_);
    std::copy(traffic.bytes, traffic.bytes + 2, traffic_.bytes);
    std::copy(traffic.operations, traffic.operations + 2, traffic_.operations);
    return y;
  }
  struct Sums { double bytes[2] = {0, 0}, operations[2] = {0, 0}; };
  const BenchCase& c_;
  InputMaker make_;
  Tensors inputs_;
  std::function<Tensor()> step_;
  Sums traffic_;
};

class Runner {
 public:
  Runner(const BenchCase& c, const BenchSettings& settings, const std::function<void(const BenchRow&)>& done) : c_(c), s_(settings), done_(done) {}

  void run() {
    const bool is_product = c_.choice == "conv2d" || c_.choice == "linear" || c_.choice == "matmul";
    for (const BenchType type : s_.types) {
      if (type.tf32 && !is_product) continue;
      reference_.clear();
      for (const Device device : s_.devices) {
        if (interrupted()) return;
        if (device == cpu && (type.dtype == f64 || type.tf32)) continue;  // f64: the reference
        run(type, device, is_product);
      }
    }
    if (!interrupted() && std::find(s_.devices.begin(), s_.devices.end(), cpu) != s_.devices.end()) by_one(f64, cpu, "reference", nullptr, true);
  }

 private:
  void run(BenchType type, Device device, bool is_product) {
    const Tf32 allowed(type.tf32);
    std::optional<Stream> stream;
    std::optional<OnStream> on_stream;
    std::vector<std::string> names = {"mica"};
    if (device != cpu) {
      on_stream.emplace(stream.emplace(device));
      if (!c_.choice.empty()) names = implementations(c_.choice);
    } else if (is_product) {
      names = {"onednn+mica"};  // by sizes, and both within one product
    }
    std::optional<Timed> timed;
    for (const std::string& name : names) {
      if (interrupted()) return;
      if (type.tf32 && name == "mica") continue;
      if (names.size() > 1) set_implementation(c_.choice, name);
      by_one(type, device, name, &timed, s_.small);
      if (names.size() > 1) set_implementation(c_.choice, "");
    }
  }

  // `timed` is kept between implementations; null: made for this one.
  void by_one(BenchType type, Device device, const std::string& name, std::optional<Timed>* timed, bool small) {
    const DType dtype = type.dtype;
    BenchRow row;
    row.pass = c_.steps ? Pass::step : Pass::forward;
    row.type = type;
    row.device = device;
    row.implementation = name;
    std::optional<Timed> own;
    if (!timed) timed = &own;
    const bool library = device != cpu && name != "mica";
    const auto unsupported = [&](const std::exception& e) {
      return library && dynamic_cast<const Error*>(&e) && !dynamic_cast<const CudaError*>(&e) && !dynamic_cast<const MemoryError*>(&e);
    };
    try {
      if (*timed) {
        row.sizes = (*timed)->sizes();
      } else if (!has_times(device)) {
        InputMaker make(dtype, device, true);
        row.sizes = sizes_of(c_.inputs(make));
      }
      Errors errors;
      try {
        if (dtype != f64 || device != cpu) errors = errors_of(dtype, device);
      } catch (const Error& e) {
        if (!unsupported(e) || !has_times(device)) throw;  // otherwise the size that is timed may do
      }
      const auto report = [&](Pass pass, const Timing& time, double bytes, double operations) {
        row.pass = pass, row.time = time, row.bytes = bytes, row.operations = operations;
        row.error = pass == Pass::backward ? errors.backward : errors.forward;
        if (time.rounds > 0 || !has_times(device)) done_(row);
        return !interrupted();
      };
      if (!has_times(device)) {
        report(row.pass, {}, 0, 0);
        if (errors.has_backward) row.pass = Pass::backward;
        if (errors.fault) std::rethrow_exception(errors.fault);
        if (errors.has_backward) report(Pass::backward, {}, 0, 0);
        return;
      }
      if (!*timed) timed->emplace(c_, dtype, device, small);
      row.sizes = (*timed)->sizes();
      (*timed)->measure(s_.budget, row.pass, report);
      if (device != cpu) synchronize(device);
    } catch (const std::exception& e) {
      const std::string what = e.what();
      row.problem = what.substr(0, what.find('\n'));
      row.failed = !unsupported(e);
      row.time = {}, row.bytes = row.operations = 0, row.error = NAN;
      done_(row);
    }
  }

  Errors errors_of(DType dtype, Device device) {
    InputMaker make(dtype, device, true);
    const Tensors inputs = c_.inputs(make);
    const Tensors wide = reference_.empty() ? in_f64(inputs) : Tensors();
    const Outcome got = outcome(c_, inputs, {}, &make);
    if (reference_.empty()) {
      Outcome reference = outcome(c_, wide, got.dy, nullptr);
      if (reference.fault) std::rethrow_exception(reference.fault);
      reference_ = std::move(reference.values);
    }
    Errors errors{.forward = 0, .backward = got.fault ? NAN : 0, .has_backward = static_cast<bool>(got.dy), .fault = got.fault};
    for (std::size_t i = 0; i < got.values.size(); ++i) {
      double& error = errors.has_backward && i > 0 ? errors.backward : errors.forward;  // a step's are all of one pass
      error = std::max(error, i < reference_.size() ? difference(got.values[i], reference_[i]) : std::numeric_limits<double>::infinity());
    }
    return errors;
  }

  const BenchCase& c_;
  const BenchSettings& s_;
  const std::function<void(const BenchRow&)>& done_;
  Values reference_;  // of the dtype's rounded inputs
};

}  // namespace

bool has_times(Device device) { return device == cpu || !MICA_EMULATED; }

void run_case(const BenchCase& c, const BenchSettings& settings, const std::function<void(const BenchRow&)>& done) {
  const RandomState before = random_state();
  Runner(c, settings, done).run();
  set_random_state(before);
}

}  // namespace mica::tools
