#include "mica/nn/dropout.h"
#include "mica/core/ops/dropout.h"

namespace mica {

Tensor Dropout::operator()(const Tensor& x) const { return training && p > 0 ? dropout(x, {.p = p}) : x; }
Tensor Dropout2d::operator()(const Tensor& x) const { return training && p > 0 ? dropout2d(x, {.p = p}) : x; }

}  // namespace mica
