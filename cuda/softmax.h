#pragma once
#include "mica/core/ops/softmax.h"
namespace mica {

// Our own kernels of softmax (and its logarithm) over dimension `dim` of row-major tensors, none of them empty.
void softmax_forward(const Cuda& on, int dim, bool log, const Tensor& x, const Tensor& y);
void softmax_backward(const Cuda& on, int dim, bool log, const Tensor& y, const Tensor& dy, const Tensor& dx);

}  // namespace mica
