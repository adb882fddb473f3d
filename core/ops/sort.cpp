#include "mica/core/ops/sort.h"
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/core/ops/gather.h"
#include "mica/core/ops/view.h"

namespace mica {
namespace op {
namespace {
void spread(const auto& on, const Tensor& indices, const Tensor& dvalues, const Tensor& dx) {
  fill_kernel(on, 0, dx);
  if (dvalues) scatter_add_kernel(on, dvalues, indices, dx, dx.rank() - 1);
}
}  // namespace
std::array<Spec, 2> Sort::out(const Tensor& x) const { return {Spec{x.shape(), x.dtype()}, Spec{x.shape(), i64}}; }
void Sort::forward(const auto& on, const Tensor& x, Tensor& values, Tensor& indices) const { sort_kernel(on, x, values, indices, descending); }
void Sort::backward(const auto& on, const Tensor&, const Tensor&, const Tensor& indices, const Tensor& dvalues, const Tensor&, Tensor& dx) const { spread(on, indices, dvalues, dx); }

std::array<Spec, 2> TopK::out(const Tensor& x) const {
  Shape shape = x.shape();
  if (k < 1 || k > shape[-1]) throw Error("k is " + std::to_string(k) + "; it must be between 1 and the " + std::to_string(shape[-1]) + " entries of the dimension");
  shape[-1] = k;
  return {Spec{shape, x.dtype()}, Spec{shape, i64}};
}
void TopK::forward(const auto& on, const Tensor& x, Tensor& values, Tensor& indices) const { sort_kernel(on, x, values, indices, true); }
void TopK::backward(const auto& on, const Tensor&, const Tensor&, const Tensor& indices, const Tensor& dvalues, const Tensor&, Tensor& dx) const { spread(on, indices, dvalues, dx); }
}  // namespace op

namespace {
// f along the last dimension, with that dimension there.
template <class F> Sorted along(const char* name, const Tensor& x, int dim, F&& f) {
  if (!x) throw Error(std::string(name) + ": x is undefined");
  if (x.rank() == 0) throw Error(std::string(name) + ": x has no dimension\n  x: " + describe(x));
  const bool last = dim == -1 || dim == x.rank() - 1;
  auto [values, indices] = f(last ? x : transpose(x, dim, -1));
  return last ? Sorted{values, indices} : Sorted{transpose(values, dim, -1), transpose(indices, dim, -1)};
}
}  // namespace
Sorted sort(const Tensor& x, op::Sort options) {
  return along("sort", x, options.dim, [&](const Tensor& x) { return apply(options, x); });
}
Tensor argsort(const Tensor& x, op::Sort options) { return sort(x.detach(), options).indices; }
Sorted topk(const Tensor& x, int64_t k, int dim) {
  return along("topk", x, dim, [&](const Tensor& x) { return apply(op::TopK{k}, x); });
}

}  // namespace mica
