#pragma once
#include "mica/nn/fields.h"

namespace mica {

struct LayerNormOptions {
  double eps = 1e-5;
  bool affine = true;
};

// Layer normalisation over the last dimensions, those of `shape` (core/ops/layer_norm.h). weight starts at 1, bias at 0.
struct LayerNorm {
  Tensor weight, bias;  // [shape]
  int dims;
  double eps;
  explicit LayerNorm(const Shape& shape, LayerNormOptions options = {});
  Tensor operator()(const Tensor& x) const;
  void fields(Fields& f) { f.parameter("weight", weight); f.parameter("bias", bias); }
};

}  // namespace mica
