#include "mica/core/ops/gather.h"
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/core/ops/view.h"

namespace mica {
namespace op {
Spec Gather::out(const Tensor& x, const Tensor& ids) const {
  if (ids.dtype() != i64 && ids.dtype() != i32) throw Error(std::string("ids is ") + name_of(ids.dtype()) + "; it must be i64 or i32");
  if (ids.rank() != x.rank()) throw Error("ids has " + std::to_string(ids.rank()) + " dimensions, x has " + std::to_string(x.rank()));
  const int d = dim_of(x.shape(), dim);
  for (int i = 0; i < x.rank(); ++i)
    if (i != d && ids.shape()[i] != x.shape()[i]) throw Error("ids has size " + std::to_string(ids.shape()[i]) + " in dimension " + std::to_string(i) + ", x has " + std::to_string(x.shape()[i]));
  return {ids.shape(), x.dtype()};
}
void Gather::forward(const auto& on, const Tensor& x, const Tensor& ids, Tensor& y) const { gather_kernel(on, x, ids, y, dim_of(x.shape(), dim)); }
void Gather::backward(const auto& on, const Tensor& x, const Tensor& ids, const Tensor&, const Tensor& dy, Tensor& dx, Tensor&) const {
  fill_kernel(on, 0, dx);
  scatter_add_kernel(on, dy, ids, dx, dim_of(x.shape(), dim));
}
}  // namespace op
Tensor gather(const Tensor& x, int dim, const Tensor& ids) {
  Tensor part = x;
  if (x && ids && x.rank() == ids.rank() && x.rank() > 0 && dim >= -x.rank() && dim < x.rank())
    for (int i = 0; i < x.rank(); ++i)
      if (i != dim_of(x.shape(), dim) && ids.shape()[i] < x.shape()[i]) part = slice(part, i, 0, ids.shape()[i]);
  return apply(op::Gather{dim}, part, ids);
}
}  // namespace mica
