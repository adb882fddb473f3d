#include "mica/core/ops/softmax.h"
#include "mica/core/op.h"

namespace mica {
namespace op {
Spec Softmax::out(const Tensor& x) const {
  if (!is_float(x.dtype())) throw Error("x must be a float tensor");
  dim_of(x.shape(), dim);
  return {x.shape(), x.dtype()};
}
}  // namespace op

Tensor softmax(const Tensor& x, int dim) { return apply(op::Softmax{dim, false}, x); }
Tensor log_softmax(const Tensor& x, int dim) { return apply(op::LogSoftmax{{dim, true}}, x); }

}  // namespace mica
