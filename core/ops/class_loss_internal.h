#pragma once
#include "mica/core/contract.h"
#include "mica/core/ops/reduction.h"

namespace mica {

// The output of a loss of x, [n, classes, ...], against class indices, [n, ...]; checks them and the weights of the classes.
Spec class_loss_spec(const Tensor& x, const char* x_name, const Tensor& labels, const Tensor& weight, Reduction reduction);

}  // namespace mica
