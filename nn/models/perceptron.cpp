#include "mica/nn/models/perceptron.h"
#include "mica/core/ops/view.h"

namespace mica {

Tensor Perceptron::operator()(const Tensor& x) const { return fc(flatten(x)); }
Perceptron perceptron(const ModelOptions& o) { return {Linear(int64_t(o.channels) * o.height * o.width, o.classes)}; }

}  // namespace mica
