#include "mica/core/ops/linear.h"
#include "mica/core/op.h"
#include "mica/core/ops/pointwise.h"
#include "mica/core/shadow.h"

namespace mica {

Spec op::Linear::out(const Tensor& x, const Tensor& weight, const Tensor& bias) const {
  if (weight.rank() != 2) throw Error("weight must be [out, in], it has " + std::to_string(weight.rank()) + " dimensions");
  if (x.rank() == 0) throw Error("x has no dimension; it must be [..., " + std::to_string(weight.shape()[1]) + "]");
  if (!is_float(weight.dtype())) throw Error(std::string("needs a float dtype, not ") + name_of(weight.dtype()));
  Shape y = x.shape();
  int64_t& last = y[x.rank() - 1];
  if (last != weight.shape()[1]) throw Error("weight expects " + std::to_string(weight.shape()[1]) + " input features, x has " + std::to_string(last));
  if (bias && bias.shape() != Shape{weight.shape()[0]})
    throw Error("bias must be [" + std::to_string(weight.shape()[0]) + "] for the outputs of weight, it is " + to_string(bias.shape()));
  last = weight.shape()[0];
  return {y, weight.dtype()};
}

Work op::Linear::work(const Tensor&, const Tensor& weight, const Tensor&, const Tensor& y) const { return {y.size() * weight.shape()[1], {0, 0}}; }

void to_compute_type(Tensor& x, const Tensor& weight, Tensor& bias) {
  if (!weight || !is_float(weight.dtype())) return;
  const DType t = compute_type(weight);
  if (x && x.dtype() != t) x = cast(x, t);
  if (bias && bias.dtype() != t && !(is_half(t) && bias.dtype() == f32)) bias = cast(bias, t);
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  Tensor in = x, b = bias;
  to_compute_type(in, weight, b);
  return mica::apply(op::Linear{}, in, weight, b);
}

}  // namespace mica
