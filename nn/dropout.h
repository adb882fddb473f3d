#pragma once
#include "mica/nn/fields.h"

namespace mica {

// In training, zeroes each element with probability p and divides the others by 1 - p; otherwise y = x. Dropout{.p = 0.2}
struct Dropout {
  double p = 0.5;
  bool training = true;
  Tensor operator()(const Tensor& x) const;
  void fields(Fields& f) { f.training(training); }
};

// The same for whole channels of x: [n, c, ...].
struct Dropout2d {
  double p = 0.5;
  bool training = true;
  Tensor operator()(const Tensor& x) const;
  void fields(Fields& f) { f.training(training); }
};

}  // namespace mica
