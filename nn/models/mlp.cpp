#include "mica/nn/models/mlp.h"
#include "mica/core/ops/pointwise.h"
#include "mica/core/ops/view.h"

namespace mica {

Tensor Mlp::operator()(const Tensor& x) const {
  Tensor y = layers[0](flatten(x));
  for (size_t i = 1; i < layers.size(); ++i) y = layers[i](relu(y));
  return y;
}
Mlp mlp(const ModelOptions& o) {
  Mlp model;
  int64_t in = int64_t(o.channels) * o.height * o.width;
  for (int size : o.hidden) {
    model.layers.emplace_back(in, size);
    in = size;
  }
  model.layers.emplace_back(in, o.classes);
  return model;
}

}  // namespace mica
