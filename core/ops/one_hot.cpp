#include "mica/core/ops/one_hot.h"
#include "mica/core/op.h"

namespace mica {
Spec op::OneHot::out(const Tensor& ids) const {
  if (is_float(ids.dtype()) || ids.dtype() == boolean) throw Error(std::string("ids is ") + name_of(ids.dtype()) + "; it must be i64, i32 or u8");
  if (classes < 1) throw Error(std::to_string(classes) + " classes; there must be at least 1");
  Shape shape = ids.shape();
  shape.push_back(classes);
  return {shape, dtype};
}
Tensor one_hot(const Tensor& ids, int64_t classes, DType dtype) { return apply(op::OneHot{classes, dtype}, ids); }
}  // namespace mica
