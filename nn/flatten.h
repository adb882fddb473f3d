#pragma once
#include "mica/core/ops/view.h"
#include "mica/nn/fields.h"

namespace mica {

// Dimensions first..last as one: [n, c, h, w] -> [n, c h w].
struct Flatten {
  int first = 1, last = -1;
  Tensor operator()(const Tensor& x) const { return flatten(x, first, last); }
  void fields(Fields&) {}
};

}  // namespace mica
