#pragma once
#include "mica/core/contract.h"
// Entries of a dimension by their ids: tensors of i64 or i32. An id out of range is an Error that names it.
namespace mica {
namespace op {
struct IndexSelect {
  int dim = 0;
  bool negative = false;  // ids may count from the end
  static constexpr auto name = "index_select";
  static constexpr Args<2> inputs{{{"x"}, {"ids", saved | no_gradient}}};
  static constexpr Args<1> outputs{{{"y"}}};
  Spec out(const Tensor& x, const Tensor& ids) const;
  void forward(const auto& on, const Tensor& x, const Tensor& ids, Tensor& y) const;
  void backward(const auto& on, const Tensor& x, const Tensor& ids, const Tensor& y, const Tensor& dy, Tensor& dx, Tensor& dids) const;
};
struct Embedding {
  int64_t padding_id = -1;  // this row gets no gradient
  static constexpr auto name = "embedding";
  static constexpr Args<2> inputs{{{"weight", shadowed}, {"ids", saved | no_gradient}}};
  static constexpr Args<1> outputs{{{"y"}}};
  Spec out(const Tensor& weight, const Tensor& ids) const;
  void forward(const auto& on, const Tensor& weight, const Tensor& ids, Tensor& y) const;
  void backward(const auto& on, const Tensor& weight, const Tensor& ids, const Tensor& y, const Tensor& dy, Tensor& dweight, Tensor& dids) const;
};
struct IndexAdd {
  int dim = 0;
  static constexpr auto name = "index_add";
  static constexpr Args<3> inputs{{{"x", binds}, {"ids", saved | no_gradient}, {"values"}}};
  static constexpr Args<1> outputs{{{"y"}}};
  Spec out(const Tensor& x, const Tensor& ids, const Tensor& values) const;
  void forward(const auto& on, const Tensor& x, const Tensor& ids, const Tensor& values, Tensor& y) const;
  void backward(const auto& on, const Tensor& x, const Tensor& ids, const Tensor& values, const Tensor& y, const Tensor& dy, Tensor& dx, Tensor& dids, Tensor& dvalues) const;
};
}  // namespace op

// Entries ids[0], ids[1], ... of x along dim. ids: [k]; the result has x's shape with k at dim. A channels-last x gives a channels-last result.
Tensor index_select(const Tensor& x, int dim, const Tensor& ids);
// Rows of weight [rows, width]: ids [...] -> [..., width], in weight's compute type. The gradient of a row is the sum over its ids, always in the same order.
Tensor embedding(const Tensor& weight, const Tensor& ids, op::Embedding options = {});
// x with values[i] added to entry ids[i] along dim; ids: [k], values: x's shape with k at dim. Repeated ids add up, always in the same order.
Tensor index_add(const Tensor& x, int dim, const Tensor& ids, const Tensor& values);

// On row-major tensors, for authors of ops; x's rows are [outer, size at dim, inner]. `op` is who a kernel on a GPU says has found a bad id.
// y[o, i] = x[o, ids[i]]. With `negative`, ids count from the end below 0.
void take_kernel(const Cpu&, const Tensor& x, const Tensor& ids, const Tensor& y, int dim, bool negative, const char* op);
void take_kernel(const Cuda&, const Tensor& x, const Tensor& ids, const Tensor& y, int dim, bool negative, const char* op);
// y[o, ids[i]] += values[o, i], in the order of i, but for the row that is `skipped` (-1: none).
void index_add_kernel(const Cpu&, const Tensor& values, const Tensor& ids, const Tensor& y, int dim, int64_t skipped, bool negative, const char* op);
void index_add_kernel(const Cuda&, const Tensor& values, const Tensor& ids, const Tensor& y, int dim, int64_t skipped, bool negative, const char* op);

}  // namespace mica
