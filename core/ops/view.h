#pragma once
#include "mica/core/contract.h"
// Views share x's memory; a write to one is seen by all, and gradients pass through. Dimensions may be negative: they count from the end.
namespace mica {

inline constexpr int64_t to_end = INT64_MAX;

Tensor reshape(const Tensor& x, const Shape& shape);              // one size may be -1: what is left. Copies where x's strides do not allow a view
Tensor flatten(const Tensor& x, int first = 1, int last = -1);    // dimensions first..last as one: [n, c, h, w] -> [n, c h w]
Tensor permute(const Tensor& x, const Shape& order);              // dimension i of the result is dimension order[i] of x
Tensor transpose(const Tensor& x, int a, int b);                  // two dimensions exchanged
Tensor expand(const Tensor& x, const Shape& shape);               // broadcast: sizes of 1 become what shape says; -1 keeps a size
Tensor squeeze(const Tensor& x, int dim);                         // without that dimension, which must have size 1
Tensor unsqueeze(const Tensor& x, int dim);                       // with a dimension of size 1 before dimension dim (or after the last)
Tensor select(const Tensor& x, int dim, int64_t index);           // one entry of a dimension, which goes; a negative index counts from the end
// Entries start, start + step, ... before stop (not included); negative positions count from the end, positions beyond it are cut off. step >= 1.
Tensor slice(const Tensor& x, int dim, int64_t start, int64_t stop = to_end, int64_t step = 1);

}  // namespace mica
