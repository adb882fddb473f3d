#include "mica/core/kernel_shapes_internal.h"

namespace mica {

Folding folding_of(const Tensor& x, const Tensor& y) {
  Shape kept, folded;
  Strides kept_x, kept_y, folded_x;
  for (int i = 0; i < x.rank(); ++i) {
    if (y.shape()[i] == x.shape()[i]) { kept.push_back(x.shape()[i]); kept_x.push_back(x.strides()[i]); kept_y.push_back(y.strides()[i]); }
    else { folded.push_back(x.shape()[i]); folded_x.push_back(x.strides()[i]); }
  }
  return {alias(x, kept, kept_x, x.body().offset), alias(y, kept, kept_y, y.body().offset), alias(x, folded, folded_x, 0)};
}

Tensor matmul_result(const Tensor& y, const Tensor& a, const Tensor& b) {
  Shape shape = y.shape(), strides = y.strides();
  if (a.rank() == 1) { const int at = b.rank() == 1 ? shape.rank() : shape.rank() - 1; shape.insert(at, 1); strides.insert(at, 1); }
  if (b.rank() == 1) { shape.push_back(1); strides.push_back(1); }
  return alias(y, shape, strides, y.body().offset);
}

Shape matmul_batch(const Tensor& y, const Tensor& a, const Tensor& b) {
  Shape batch = y.shape();
  for (int i = (a.rank() > 1) + (b.rank() > 1); i > 0; --i) batch.erase(batch.rank() - 1);
  return batch;
}

}  // namespace mica
