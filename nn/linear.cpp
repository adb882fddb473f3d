#include "mica/nn/linear.h"
#include "mica/core/ops/linear.h"
#include "mica/nn/init.h"

namespace mica {

Linear::Linear(int64_t in, int64_t out, LinearOptions options) : weight(empty({out, in})) {
  if (options.bias) bias = empty({out});
  init::as_layer(weight, bias);
  weight.set_requires_grad();
  if (bias) bias.set_requires_grad();
}
Tensor Linear::operator()(const Tensor& x) const { return linear(x, weight, bias); }

}  // namespace mica
