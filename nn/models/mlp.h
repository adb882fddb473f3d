#pragma once
#include "mica/nn/linear.h"
#include "mica/nn/models/options.h"

namespace mica {

// Linear layers with relu between them, of options.hidden sizes.   x: [n, c, h, w] -> logits: [n, classes]
struct Mlp {
  std::vector<Linear> layers;
  Tensor operator()(const Tensor& x) const;
  void fields(Fields& f) { f.child("layers", layers); }
};
Mlp mlp(const ModelOptions& options = {});

}  // namespace mica
