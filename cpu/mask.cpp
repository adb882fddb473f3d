#include "mica/core/ops/mask.h"
#include "mica/core/kernels.h"

namespace mica {

void op::FlatNonzero::forward(const Cpu&, const Tensor& x, Tensor& y) const {
  const bool* mask = x.data<bool>();
  int64_t* to = output<int64_t>(y);
  for (int64_t i = 0, n = x.size(), k = 0; i < n && k < count; ++i) if (mask[i]) to[k++] = i;
}

}  // namespace mica
