#pragma once
#include "mica/core/contract.h"

namespace mica {
namespace op {
struct Matmul {
  static constexpr auto name = "matmul";
  static constexpr Args<2> inputs{{{"a", saved | strided}, {"b", saved | strided}}};
  static constexpr Args<1> outputs{{{"y", strided}}};
  Spec out(const Tensor& a, const Tensor& b) const;
  Work work(const Tensor& a, const Tensor& b, const Tensor& y) const;
  void forward(const Cpu&, const Tensor& a, const Tensor& b, Tensor& y) const;
  void forward(const Cuda&, const Tensor& a, const Tensor& b, Tensor& y) const;
  void backward(const Cpu&, const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& dy, Tensor& da, Tensor& db) const;
  void backward(const Cuda&, const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& dy, Tensor& da, Tensor& db) const;
};
}  // namespace op

// The matrix product over the last two dimensions; those before them broadcast. a: [..., m, k], b: [..., k, n] -> [..., m, n]. A 1-d a is
// one row and a 1-d b one column, and that dimension is not in the result. Any dtype but bool; two dtypes meet as in a + b. Throws Error
// if k differs, the batches do not broadcast, or a or b has no dimension. da = dy b^T, db = a^T dy, summed where a or b is broadcast.
Tensor matmul(const Tensor& a, const Tensor& b);

}  // namespace mica
