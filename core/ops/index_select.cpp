#include "mica/core/ops/index_select.h"
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/core/ops/mask.h"
#include "mica/core/ops/view.h"

namespace mica {
namespace {
void check_ids(const Tensor& ids) {
  if (ids.dtype() != i64 && ids.dtype() != i32) throw Error(std::string("ids is ") + name_of(ids.dtype()) + "; it must be i64 or i32");
}
void check_list(const Tensor& ids) {
  check_ids(ids);
  if (ids.rank() != 1) throw Error("ids must have 1 dimension, it has " + std::to_string(ids.rank()));
}
// Where x is channels-last, f works on it as the row-major tensor that its memory is.
template <class F> Tensor in_memory_order(const Tensor& x, int dim, F&& f) {
  if (!x || x.rank() < 3 || x.is_contiguous() || !x.has_layout(Layout::channels_last)) return f(x, dim);
  const int r = x.rank(), d = dim_of(x.shape(), dim);
  Shape there, back;
  for (int i = 0; i < r; ++i) {
    there.push_back(i == 0 ? 0 : i == r - 1 ? 1 : i + 1);
    back.push_back(i == 0 ? 0 : i == 1 ? r - 1 : i - 1);
  }
  return permute(f(permute(x, there), int(back[d])), back);
}
}  // namespace

namespace op {
Spec IndexSelect::out(const Tensor& x, const Tensor& ids) const {
  check_list(ids);
  Shape shape = x.shape();
  shape[dim_of(shape, dim)] = ids.size();
  return {shape, x.dtype()};
}
void IndexSelect::forward(const auto& on, const Tensor& x, const Tensor& ids, Tensor& y) const { take_kernel(on, x, ids, y, dim_of(x.shape(), dim), negative, name); }
void IndexSelect::backward(const auto& on, const Tensor& x, const Tensor& ids, const Tensor&, const Tensor& dy, Tensor& dx, Tensor&) const {
  fill_kernel(on, 0, dx);
  index_add_kernel(on, dy, ids, dx, dim_of(x.shape(), dim), -1, negative, name);
}

Spec Embedding::out(const Tensor& weight, const Tensor& ids) const {
  check_ids(ids);
  if (weight.rank() != 2) throw Error("weight must have 2 dimensions (rows, width), it has " + std::to_string(weight.rank()));
  if (padding_id < -1 || padding_id >= weight.shape()[0]) throw Error("padding_id is " + std::to_string(padding_id) + "; weight has " + std::to_string(weight.shape()[0]) + " rows");
  Shape shape = ids.shape();
  shape.push_back(weight.shape()[1]);
  return {shape, weight.dtype()};
}
void Embedding::forward(const auto& on, const Tensor& weight, const Tensor& ids, Tensor& y) const { take_kernel(on, weight, ids, y, 0, false, name); }
void Embedding::backward(const auto& on, const Tensor&, const Tensor& ids, const Tensor&, const Tensor& dy, Tensor& dweight, Tensor&) const {
  fill_kernel(on, 0, dweight);
  index_add_kernel(on, dy, ids, dweight, 0, padding_id, false, name);
}

Spec IndexAdd::out(const Tensor& x, const Tensor& ids, const Tensor& values) const {
  check_list(ids);
  Shape shape = x.shape();
  shape[dim_of(shape, dim)] = ids.size();
  if (values.shape() != shape) throw Error("values must be " + to_string(shape) + ", it is " + to_string(values.shape()));
  if (values.dtype() != x.dtype()) throw Error(std::string("values is ") + name_of(values.dtype()) + ", x is " + name_of(x.dtype()));
  if (x.dtype() == boolean) throw Error("bool tensors do not add");
  return {x.shape(), x.dtype()};
}
void IndexAdd::forward(const auto& on, const Tensor& x, const Tensor& ids, const Tensor& values, Tensor& y) const {
  copy_kernel(on, x, y);
  index_add_kernel(on, values, ids, y, dim_of(x.shape(), dim), -1, false, name);
}
void IndexAdd::backward(const auto& on, const Tensor& x, const Tensor& ids, const Tensor&, const Tensor&, const Tensor& dy, Tensor& dx, Tensor&, Tensor& dvalues) const {
  if (dx) dx = dy;
  if (dvalues) take_kernel(on, dy, ids, dvalues, dim_of(x.shape(), dim), false, name);
}
}  // namespace op

Tensor index_select(const Tensor& x, int dim, const Tensor& ids) {
  return in_memory_order(x, dim, [&](const Tensor& x, int dim) { return apply(op::IndexSelect{dim}, x, ids); });
}
Tensor embedding(const Tensor& weight, const Tensor& ids, op::Embedding options) { return apply(options, weight, ids); }
Tensor index_add(const Tensor& x, int dim, const Tensor& ids, const Tensor& values) { return apply(op::IndexAdd{dim}, x, ids, values); }

Tensor Tensor::operator[](const Tensor& index) const {
  const Tensor& x = *this;
  if (!index || is_float(index.dtype()) || index.dtype() == u8)
    throw Error("x[index]: the index must be a bool mask or i64 or i32 ids\n  x:     " + describe(x) + "\n  index: " + describe(index));
  if (index.dtype() == boolean) {
    Shape rows;
    bool fits = index.rank() >= 1 && index.rank() <= x.rank();
    for (int i = 0; fits && i < index.rank(); ++i) fits = index.shape()[i] == x.shape()[i];
    if (!fits) throw Error("x[mask]: the mask's shape must be that of x's first dimensions\n  x:    " + describe(x) + "\n  mask: " + describe(index));
    rows.push_back(index.size());
    for (int i = index.rank(); i < x.rank(); ++i) rows.push_back(x.shape()[i]);
    return index_select(index.rank() == 1 ? x : reshape(x, rows), 0, flatnonzero(index));
  }
  if (x.rank() == 0) throw Error("x[ids]: x has no dimension\n  x: " + describe(x));
  const Tensor rows = in_memory_order(x, 0, [&](const Tensor& x, int dim) { return apply(op::IndexSelect{dim, true}, x, index.rank() == 1 ? index : reshape(index, {-1})); });
  if (index.rank() == 1) return rows;
  Shape shape = index.shape();
  for (int i = 1; i < x.rank(); ++i) shape.push_back(x.shape()[i]);
  return reshape(rows, shape);
}

}  // namespace mica
