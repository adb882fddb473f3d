#pragma once
#include "mica/nn/fields.h"

namespace mica {

struct LinearOptions {
  bool bias = true;
};

// y = x weight^T + bias.   x: [..., in] -> y: [..., out]
// weight and bias start uniform in +-1 / sqrt(in), as PyTorch's.
struct Linear {
  Tensor weight, bias;  // [out, in], [out]
  Linear(int64_t in, int64_t out, LinearOptions options = {});
  Tensor operator()(const Tensor& x) const;
  void fields(Fields& f) { f.parameter("weight", weight); f.parameter("bias", bias); }
};

}  // namespace mica
