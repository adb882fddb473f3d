#include "mica/nn/batch_norm.h"
#include "mica/core/ops/batch_norm.h"

namespace mica {

BatchNorm::BatchNorm(int64_t channels, BatchNormOptions options) : momentum(options.momentum), eps(options.eps) {
  if (options.affine) {
    weight = ones({channels}).set_requires_grad();
    bias = zeros({channels}).set_requires_grad();
  }
  if (options.track) {
    running_mean = zeros({channels});
    running_var = ones({channels});
  }
}
Tensor BatchNorm::operator()(const Tensor& x, const BatchNormFused& fused) const {
  return batch_norm(x, weight, bias, running_mean, running_var, {.training = training || !running_mean, .momentum = momentum, .eps = eps, .relu = fused.relu}, fused.add);
}

}  // namespace mica
