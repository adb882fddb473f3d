#pragma once
#include "mica/nn/linear.h"
#include "mica/nn/models/options.h"

namespace mica {

// One linear layer on the pixels: multinomial logistic regression when trained with cross entropy.   x: [n, c, h, w] -> logits: [n, classes]
struct Perceptron {
  Linear fc;
  Tensor operator()(const Tensor& x) const;
  void fields(Fields& f) { f.child("fc", fc); }
};
Perceptron perceptron(const ModelOptions& options = {});

}  // namespace mica
