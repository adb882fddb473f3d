#pragma once
#include "mica/core/context.h"
#include "mica/core/dtype.h"
namespace mica {

// Activations over `count` dense elements of a float dtype. relu lets NaN pass, and its gradient at 0 is 0; alpha is elu's.
enum class CudnnActivationKind { relu, sigmoid, tanh, elu };
// Each queues and returns true, or does nothing and returns false where cuDNN does not support it. y may be x, dx may be dy. Throws CudaError.
bool cudnn_activation_forward(const Cuda& on, CudnnActivationKind kind, DType dtype, int64_t count, const void* x, void* y, double alpha = 1);
bool cudnn_activation_backward(const Cuda& on, CudnnActivationKind kind, DType dtype, int64_t count, const void* x, const void* y, const void* dy, void* dx,
                               double alpha = 1);

// Softmax of each row, or its logarithm. x, y: dense [rows, columns] of a float dtype. As above.
bool cudnn_softmax_forward(const Cuda& on, DType dtype, int64_t rows, int64_t columns, bool log, const void* x, void* y);
bool cudnn_softmax_backward(const Cuda& on, DType dtype, int64_t rows, int64_t columns, bool log, const void* y, const void* dy, void* dx);

}  // namespace mica
