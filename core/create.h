#pragma once
#include "mica/core/tensor.h"
#include "mica/core/random.h"

namespace mica {

// start, start + step, ... before stop (not included), 1-d: ceil((stop - start) / step) values, none if stop lies the other way. i64 where all
// three numbers are integers, otherwise f32, unless options say. Value i is start + i step, computed in f64. Throws Error for a step of 0.
Tensor arange(Scalar stop);
Tensor arange(Scalar start, Scalar stop, Scalar step = 1);
Tensor arange(Scalar start, Scalar stop, Scalar step, TensorOptions options);

// `count` values evenly spaced from start to stop, both included; counted from the nearer end, so that both ends are exact.
Tensor linspace(double start, double stop, int64_t count, TensorOptions options = {});

Tensor eye(int64_t n, TensorOptions options = {});                     // [n, n]: 1 where the indices are equal, 0 elsewhere
Tensor eye(int64_t rows, int64_t columns, TensorOptions options = {});

// Random values (random.h) of x's shape, dtype, device and, where x is packed, strides; the values do not depend on the strides.
Tensor rand_like(const Tensor& x);
Tensor randn_like(const Tensor& x);

// x with 0 above (below) a diagonal of its last two dimensions: diagonal 0 is the main one, positive ones lie to the right. Gradients pass
// where x does. Throws Error if x has fewer than 2 dimensions.
Tensor tril(const Tensor& x, int64_t diagonal = 0);
Tensor triu(const Tensor& x, int64_t diagonal = 0);

// The caller's memory, as borrow in tensor.h, with strides in elements: rows with padding and the like; strides of 0 repeat elements. For both: the
// memory outlives the tensor, its views, what the tape saves, and what is queued for them in a stream; `keeper` goes with the last tensor. On a GPU
// the memory is taken as used in the calling thread's current stream. Throw Error for an address that is null or not aligned for the dtype, for
// negative sizes and strides, and for a device that is not there.
Tensor borrow(void* data, const Shape& shape, const Strides& strides, TensorOptions options, std::shared_ptr<const void> keeper = {});

}  // namespace mica
