#include "mica/core/ops/one_hot.h"
#include "mica/core/op.h"
#include "mica/cpu/rows.h"

namespace mica {

void op::OneHot::forward(const Cpu& on, const Tensor& given, Tensor& y) const {
  const Tensor ids = as_i64(given);
  const int64_t n = ids.size(), *id = ids.data<int64_t>();
  fill_kernel(on, 0, y);
  dispatch(y.dtype(), [&]<class T>(T) {
    T* to = output<T>(y);
    for (int64_t i = 0; i < n; ++i) {
      if (id[i] < 0 || id[i] >= classes) bad_id(id[i], 0, classes);
      to[i * classes + id[i]] = T(Compute<T>(1));
    }
  });
}

}  // namespace mica
