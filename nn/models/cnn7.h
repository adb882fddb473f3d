#pragma once
#include "mica/nn/batch_norm.h"
#include "mica/nn/conv2d.h"
#include "mica/nn/linear.h"
#include "mica/nn/models/options.h"

namespace mica {

// Seven layers: six 3x3 convolutions of 16, 16, 32, 32, 64, 64 channels, each with batch norm and relu, max pooling after the second and fourth, then
// the mean of each channel and one linear layer.   x: [n, c, h, w], at least 4x4 -> logits: [n, classes]
struct Cnn7 {
  std::vector<Conv2d> conv;
  std::vector<BatchNorm2d> norm;
  Linear fc;
  explicit Cnn7(const ModelOptions& options = {});
  Tensor operator()(const Tensor& x) const;
  void fields(Fields& f) { f.child("conv", conv); f.child("norm", norm); f.child("fc", fc); }
};
Cnn7 cnn7(const ModelOptions& options = {});

}  // namespace mica
