#include "mica/core/ops/matmul.h"
#include "mica/core/op.h"
#include "mica/core/ops/pointwise.h"

namespace mica {

Spec op::Matmul::out(const Tensor& a, const Tensor& b) const {
  if (a.rank() == 0 || b.rank() == 0) throw Error(std::string(a.rank() == 0 ? "a" : "b") + " has no dimension; use * for scalars");
  if (a.dtype() == boolean) throw Error("a and b are bool; products need numbers");
  const int64_t columns = a.shape()[-1], rows = b.shape()[b.rank() == 1 ? 0 : -2];
  if (columns != rows) throw Error("a has " + std::to_string(columns) + " columns, b has " + std::to_string(rows) + " rows");
  Shape batch_a = a.shape(), batch_b = b.shape();
  for (Shape* s : {&batch_a, &batch_b}) for (int i = 0; i < 2 && s->rank() > 0; ++i) s->erase(s->rank() - 1);
  Shape y;
  try { y = broadcast(batch_a, batch_b); }
  catch (Error& e) { throw Error("batches " + to_string(batch_a) + " of a and " + to_string(batch_b) + " of b do not broadcast"); }
  if (a.rank() > 1) y.push_back(a.shape()[-2]);
  if (b.rank() > 1) y.push_back(b.shape()[-1]);
  return {y, a.dtype()};
}

Work op::Matmul::work(const Tensor& a, const Tensor&, const Tensor& y) const { return {y.size() * a.shape()[-1], {0, 0}}; }

Tensor matmul(const Tensor& a, const Tensor& b) {
  if (!a || !b || a.dtype() == b.dtype()) return mica::apply(op::Matmul{}, a, b);
  const DType t = promote(a.dtype(), b.dtype());
  return mica::apply(op::Matmul{}, cast(a, t), cast(b, t));
}

}  // namespace mica
