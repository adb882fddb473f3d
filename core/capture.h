#pragma once
#include <functional>
#include <memory>
#include <vector>
#include "mica/core/tensor.h"
namespace mica {

struct CaptureOptions {
  int warm_up = 2;         // calls that run as they are, before one is recorded: they choose kernels and fill caches
  Device device = cuda();
};

// A step of work on one GPU (forward, backward, optimizer) that is recorded once as a CUDA graph; later calls replay it with one launch, which saves
// the host's time for each op. On the CPU every call runs as it is.
//
//   Captured train([&](const std::vector<Tensor>& batch, double rate) {
//     const Tensor loss = cross_entropy(model(batch[0]), batch[1]);
//     loss.backward();
//     sgd.step(rate);
//     sgd.zero_grad();
//     return std::vector{loss};
//   });
//   for (auto& [images, labels] : batches(...)) loss = train({images, labels}, schedule(step++))[0];
//
// A replay does what a call of the step would do, bit for bit: it draws the next random numbers, takes the optimizer's next step, and writes into the
// same tensors. What the step returns is overwritten by the next replay. Everything the step uses (model, optimizer) must live longer than this.
// Replays throw Error where inputs have other shapes, dtypes or a device than the recorded ones. Recording throws Error, saying why, where the step
// waits for the device (item, printing, LossScale::overflowed), works on the CPU, or draws random numbers there; copies from the CPU repeat what
// was recorded. Work runs in a stream of its own, which waits for what other streams have been given, and they for it.
class Captured {
 public:
  using Step = std::function<std::vector<Tensor>(const std::vector<Tensor>& inputs, double rate)>;
  explicit Captured(Step step, CaptureOptions options = {});
  Captured(Captured&&) noexcept;
  ~Captured();
  // rate: handed to the step, and from there to optimizers; in a replay their rates follow it in proportion.
  std::vector<Tensor> operator()(const std::vector<Tensor>& inputs = {}, double rate = 0);
  bool recorded() const;   // whether later calls are replays

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mica
