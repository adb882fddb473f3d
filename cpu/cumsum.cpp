#include "mica/core/ops/cumsum.h"
#include "mica/core/kernels.h"
#include "mica/cpu/parallel.h"
#include "mica/cpu/rows.h"
#include "mica/core/op.h"

namespace mica {

void cumsum_kernel(const Cpu&, const Tensor& x, const Tensor& y, int dim, bool reverse) {
  constexpr int64_t block = 64;  // neighbouring columns that run together
  const Around a(x.shape(), dim);
  if (x.size() == 0) return;
  const int64_t blocks = (a.inner + block - 1) / block;
  dispatch(x.dtype(), [&]<class X>(X) {
    using Y = std::conditional_t<std::is_floating_point_v<Compute<X>>, X, int64_t>;
    using Total = std::conditional_t<std::is_floating_point_v<Compute<X>>, double, int64_t>;
    const X* from = output<X>(x);
    Y* to = output<Y>(y);
    parallel_for(a.outer * blocks, std::max<int64_t>(1, pointwise_grain / (a.size * std::min(block, a.inner))), [&](int64_t begin, int64_t end) {
      for (int64_t u = begin; u < end; ++u) {
        const int64_t first = u % blocks * block, m = std::min(block, a.inner - first), base = u / blocks * a.size * a.inner + first;
        Total total[block] = {};
        for (int64_t k = 0; k < a.size; ++k) {
          const int64_t at = base + (reverse ? a.size - 1 - k : k) * a.inner;
          for (int64_t i = 0; i < m; ++i) to[at + i] = Y(Compute<Y>(total[i] += Total(Compute<X>(from[at + i]))));
        }
      }
    });
  });
}

}  // namespace mica
