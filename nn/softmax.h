#pragma once
#include "mica/core/ops/softmax.h"
#include "mica/nn/fields.h"

namespace mica {

struct Softmax {
  int dim = -1;
  Tensor operator()(const Tensor& x) const { return softmax(x, dim); }
  void fields(Fields&) {}
};
struct LogSoftmax {
  int dim = -1;
  Tensor operator()(const Tensor& x) const { return log_softmax(x, dim); }
  void fields(Fields&) {}
};

}  // namespace mica
