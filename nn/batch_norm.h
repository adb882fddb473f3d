#pragma once
#include "mica/nn/fields.h"

namespace mica {

struct BatchNormOptions {
  double momentum = 0.1, eps = 1e-5;
  bool affine = true;  // weight and bias
  bool track = true;   // running statistics, used outside training; without them a batch is always normalised by its own
};
// Done in the same pass: y = relu?(norm(x) + add?).
struct BatchNormFused {
  bool relu = false;
  Tensor add{};
};

// Batch normalisation (core/ops/batch_norm.h) of x: [n, channels] or [n, channels, ...].
struct BatchNorm {
  Tensor weight, bias, running_mean, running_var;  // [channels]: 1, 0, 0, 1 at first
  double momentum, eps;
  bool training = true;
  explicit BatchNorm(int64_t channels, BatchNormOptions options = {});
  Tensor operator()(const Tensor& x, const BatchNormFused& fused = {}) const;
  void fields(Fields& f) {
    f.parameter("weight", weight); f.parameter("bias", bias);
    f.buffer("running_mean", running_mean); f.buffer("running_var", running_var);
    f.ignored("num_batches_tracked");  // PyTorch's files have it
    f.training(training);
  }
};
using BatchNorm1d = BatchNorm;
using BatchNorm2d = BatchNorm;

}  // namespace mica
