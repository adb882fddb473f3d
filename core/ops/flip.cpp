#include "mica/core/ops/flip.h"
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/core/ops/cat.h"
#include "mica/core/ops/view.h"

namespace mica {
namespace {
// x read backwards: strides below 0, which only kernels that walk strides can take.
Tensor backwards(const Tensor& x, const Shape& dims) {
  if (x.size() == 0) return x;
  Strides strides = x.strides();
  int64_t offset = x.body().offset;
  unsigned seen = 0;
  for (int64_t dim : dims) {
    const int d = dim_of(x.shape(), int(dim));
    if (seen & 1u << d) throw Error("dims " + to_string(dims) + " name dimension " + std::to_string(d) + " twice");
    seen |= 1u << d;
    offset += (x.shape()[d] - 1) * strides[d];
    strides[d] = -strides[d];
  }
  return alias(x, x.shape(), strides, offset);
}
}  // namespace
namespace op {
Spec Flip::out(const Tensor& x) const { return {x.shape(), x.dtype(), packed_like(x)}; }
void Flip::forward(const auto& on, const Tensor& x, Tensor& y) const { copy_kernel(on, backwards(x, dims), y); }
void Flip::backward(const auto& on, const Tensor&, const Tensor&, const Tensor& dy, Tensor& dx) const { copy_kernel(on, backwards(dy, dims), dx); }
}  // namespace op

Tensor flip(const Tensor& x, const Shape& dims) { return apply(op::Flip{dims}, x); }
Tensor roll(const Tensor& x, int64_t shift, int dim) {
  const int64_t n = x.size(dim), k = n ? ((shift % n) + n) % n : 0;
  return k ? cat({slice(x, dim, n - k), slice(x, dim, 0, n - k)}, dim) : slice(x, dim, 0);
}
}  // namespace mica
