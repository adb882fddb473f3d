#pragma once
#include "mica/nn/conv2d.h"
#include "mica/nn/linear.h"
#include "mica/nn/models/options.h"

namespace mica {

// LeNet-5 (LeCun, Bottou, Bengio, Haffner 1998) with relu and max pooling: 5x5 convolutions of 6 and 16 channels, each halved by pooling, and
// linear layers of 120, 84 and `classes`.   x: [n, c, h, w] -> logits: [n, classes].  The first convolution pads images below 32x32 by 2 (28x28
// then gives the paper's sizes, 61,706 parameters), the second those that would become smaller than its kernel.
struct LeNet5 {
  Conv2d conv1, conv2;
  Linear fc1, fc2, fc3;
  explicit LeNet5(const ModelOptions& options = {});
  Tensor operator()(const Tensor& x) const;
  void fields(Fields& f) { f.child("conv1", conv1); f.child("conv2", conv2); f.child("fc1", fc1); f.child("fc2", fc2); f.child("fc3", fc3); }
};
LeNet5 lenet5(const ModelOptions& options = {});

}  // namespace mica
