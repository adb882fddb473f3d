#include "mica/core/capture.h"
#include "mica/core/capture_internal.h"
#include "mica/core/kernels.h"

namespace mica {

struct Captured::State {
  Step step;
  CaptureOptions options;
  int calls = 0;
  std::unique_ptr<Graph> graph;
  std::vector<Tensor> inputs, outputs;  // the ones that the graph reads and writes
};

Captured::Captured(Step step, CaptureOptions options) : state_(std::make_unique<State>()) {
  if (!step) throw Error("Captured: the step is empty");
  if (options.warm_up < 1) throw Error("Captured: warm_up is " + std::to_string(options.warm_up) + "; it must be at least 1");
  context(options.device);  // throws where there is no such device
  state_->step = std::move(step);
  state_->options = options;
}
Captured::Captured(Captured&&) noexcept = default;
Captured::~Captured() = default;
bool Captured::recorded() const { return bool(state_->graph); }

std::vector<Tensor> Captured::operator()(const std::vector<Tensor>& inputs, double rate) {
  State& s = *state_;
  const Device device = s.options.device;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i] || inputs[i].device() != device) throw Error("Captured: input " + std::to_string(i) + " is " + describe(inputs[i]) + "; the step runs on " + to_string(device));
  if (device == cpu) return s.step(inputs, rate);
#if MICA_HAS_CUDA
  if (s.graph) {
    if (inputs.size() != s.inputs.size()) throw Error("Captured: " + std::to_string(inputs.size()) + " inputs; the step was recorded with " + std::to_string(s.inputs.size()));
    for (size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i].shape() != s.inputs[i].shape() || inputs[i].dtype() != s.inputs[i].dtype())
        throw Error("Captured: input " + std::to_string(i) + " is " + describe(inputs[i]) + "; the step was recorded with " + describe(s.inputs[i]));
    NoGrad no_grad;
    for (size_t i = 0; i < inputs.size(); ++i) copy(inputs[i], s.inputs[i]);
    s.graph->replay(rate);
    return s.outputs;
  }
  if (s.calls++ < s.options.warm_up) return s.step(inputs, rate);
  for (const Tensor& x : inputs) s.inputs.push_back(clone(x.detach()));
  s.graph = record(device, rate, [&] { s.outputs = s.step(s.inputs, rate); });
  s.graph->replay(rate);
  return s.outputs;
#else
  return {};
#endif
}

}  // namespace mica
