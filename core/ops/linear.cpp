#include "mica/core/ops/linear.h"
#include "mica/core/op.h"
#include "mica/core/ops/pointwise.h"

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
  if (x && x.dtype() != weight.dtype()) x = cast(x, weight.dtype());
  if (bias && bias.dtype() != weight.dtype() && !(is_half(weight.dtype()) && bias.dtype() == f32)) bias = cast(bias, weight.dtype());
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (x && weight && x.dtype() == weight.dtype() && (!bias || bias.dtype() == weight.dtype())) return mica::apply(op::Linear{}, x, weight, bias);
  Tensor in = x, b = bias;
  to_compute_type(in, weight, b);
  return mica::apply(op::Linear{}, in, weight, b);
}

}  // namespace mica
