#include "mica/core/ops/gather.h"
#include "mica/core/op.h"
#include "mica/cpu/parallel.h"
#include "mica/cpu/rows.h"

namespace mica {
namespace {
// f(place in the tensor of ids' shape, place in the other) over rows around dim: [outer, size, inner].
template <class F> void each(const Tensor& ids, const Shape& other, int dim, F&& f) {
  const Around a(ids.shape(), dim), b(other, dim);
  const int64_t* id = ids.data<int64_t>();
  const int64_t one = a.size * a.inner;
  if (one == 0) return;
  parallel_for(a.outer, std::max<int64_t>(1, pointwise_grain / one), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o)
      for (int64_t k = 0; k < a.size; ++k)
        for (int64_t i = 0; i < a.inner; ++i) {
          const int64_t at = o * one + k * a.inner + i;
          if (id[at] < 0 || id[at] >= b.size) bad_id(id[at], 0, b.size);
          f(at, (o * b.size + id[at]) * b.inner + i);
        }
  });
}
}  // namespace

void gather_kernel(const Cpu&, const Tensor& x, const Tensor& ids, const Tensor& y, int dim) {
  dispatch(x.dtype(), [&]<class T>(T) {
    const T* from = output<T>(x);
    T* to = output<T>(y);
    each(as_i64(ids), x.shape(), dim, [&](int64_t at, int64_t other) { to[at] = from[other]; });
  });
}
void scatter_add_kernel(const Cpu& on, const Tensor& values, const Tensor& ids, const Tensor& y, int dim) {
  if (is_half(y.dtype())) {  // sums of many are kept in float
    const Tensor wide = empty(y.shape(), {f32});
    copy_kernel(on, y, wide);
    scatter_add_kernel(on, values, ids, wide, dim);
    return copy_kernel(on, wide, y);
  }
  dispatch(values.dtype(), [&]<class V>(V) {
    using Y = Compute<V>;
    if constexpr (!std::is_same_v<V, bool>) {
      const V* from = output<V>(values);
      Y* to = output<Y>(y);
      each(as_i64(ids), y.shape(), dim, [&](int64_t at, int64_t other) { to[other] += Y(from[at]); });
    }
  });
}

}  // namespace mica
