#pragma once
#include "mica/core/ops/pair.h"
#include "mica/nn/fields.h"

namespace mica {

struct Conv2dOptions {
  Pair stride = 1, padding = 0, dilation = 1;
  int groups = 1;
  bool bias = true;
};

// 2-d convolution (core/ops/conv2d.h).   x: [n, in, h, w] -> y: [n, out, oh, ow], channels-last
// weight and bias start uniform in +-1 / sqrt(in / groups * kh * kw), as PyTorch's. Throws Error if groups does not divide in and out.
struct Conv2d {
  Tensor weight, bias;  // [out, in / groups, kh, kw], channels-last; [out]
  Conv2dOptions options;
  Conv2d(int64_t in, int64_t out, Pair kernel, Conv2dOptions options = {});
  Tensor operator()(const Tensor& x) const;
  void fields(Fields& f) { f.parameter("weight", weight); f.parameter("bias", bias); }
};

}  // namespace mica
