#include "mica/core/ops/cat.h"
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/core/ops/view.h"

namespace mica {
namespace {
// Entries [start, start + size) of a dimension, without history.
Tensor part(const Tensor& x, int dim, int64_t start, int64_t size) {
  Shape shape = x.shape();
  shape[dim] = size;
  return alias(x, shape, x.strides(), x.body().offset + start * x.strides()[dim]);
}
}  // namespace

namespace op {
Spec Cat::out(std::span<const Tensor> x) const {
  const int d = dim_of(x[0].shape(), dim);
  Shape shape = x[0].shape();
  DType dtype = x[0].dtype();
  bool row_major = true, channels_last = shape.rank() >= 3;
  shape[d] = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i].rank() != shape.rank()) throw Error("x[" + std::to_string(i) + "] has " + std::to_string(x[i].rank()) + " dimensions, x[0] has " + std::to_string(shape.rank()));
    for (int k = 0; k < shape.rank(); ++k)
      if (k != d && x[i].shape()[k] != shape[k])
        throw Error("x[" + std::to_string(i) + "] has size " + std::to_string(x[i].shape()[k]) + " in dimension " + std::to_string(k) + ", x[0] has " + std::to_string(shape[k]));
    shape[d] += x[i].shape()[d];
    dtype = promote(dtype, x[i].dtype());
    row_major &= x[i].is_contiguous();
    channels_last &= x[i].has_layout(Layout::channels_last);
  }
  return {shape, dtype, strides_of(shape, channels_last && !row_major ? Layout::channels_last : Layout::row_major)};
}
void Cat::forward(const auto& on, std::span<const Tensor> x, Tensor& y) const {
  const int d = dim_of(y.shape(), dim);
  int64_t at = 0;
  for (const Tensor& t : x) { copy_kernel(on, t, part(y, d, at, t.shape()[d])); at += t.shape()[d]; }
}
void Cat::backward(const auto& on, std::span<const Tensor> x, const Tensor&, const Tensor& dy, std::span<Tensor> dx) const {
  const int d = dim_of(dy.shape(), dim);
  int64_t at = 0;
  for (size_t i = 0; i < x.size(); at += x[i++].shape()[d]) {
    if (!dx[i]) continue;
    const Tensor g = part(dy, d, at, x[i].shape()[d]);
    if (g.dtype() == dx[i].dtype()) dx[i] = g;
    else copy_kernel(on, g, dx[i] = empty_like(dx[i]));
  }
}
}  // namespace op

Tensor cat(const std::vector<Tensor>& x, int dim) { return mica::apply(op::Cat{dim}, x); }
Tensor stack(const std::vector<Tensor>& x, int dim) {
  std::vector<Tensor> with;
  for (const Tensor& t : x) {
    if (t && t.shape() != x[0].shape()) throw Error("stack: x[" + std::to_string(with.size()) + "] is " + describe(t) + ", x[0] is " + describe(x[0]));
    with.push_back(t ? unsqueeze(t, dim) : t);
  }
  return cat(with, dim);
}
std::vector<Tensor> split(const Tensor& x, int64_t size, int dim) {
  if (size < 1) throw Error("split: the size is " + std::to_string(size) + "; it must be at least 1\n  x: " + describe(x));
  std::vector<Tensor> parts;
  int64_t at = 0;
  do { parts.push_back(slice(x, dim, at, at + size)); at += size; } while (at < x.size(dim));
  return parts;
}
std::vector<Tensor> chunk(const Tensor& x, int parts, int dim) {
  if (parts < 1) throw Error("chunk: " + std::to_string(parts) + " parts; there must be at least 1\n  x: " + describe(x));
  return split(x, std::max<int64_t>(1, (x.size(dim) + parts - 1) / parts), dim);
}

}  // namespace mica
