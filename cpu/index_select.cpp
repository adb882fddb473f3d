#include "mica/core/ops/index_select.h"
#include <cstring>
#include "mica/core/op.h"
#include "mica/cpu/parallel.h"
#include "mica/cpu/rows.h"

namespace mica {

void take_kernel(const Cpu&, const Tensor& x, const Tensor& given, const Tensor& y, int dim, bool negative, const char*) {
  const Around a(x.shape(), dim);
  const Tensor ids = as_i64(given);
  const int64_t k = ids.size(), *id = ids.data<int64_t>(), low = negative ? -a.size : 0;
  for (int64_t i = 0; i < k; ++i) if (id[i] < low || id[i] >= a.size) bad_id(id[i], low, a.size);
  const size_t bytes = size_t(a.inner) * bytes_of(x.dtype());
  if (bytes == 0) return;
  const char* from = reinterpret_cast<const char*>(output<char>(alias(x, {}, {}, x.body().offset * int64_t(bytes_of(x.dtype())))));
  char* to = output<char>(alias(y, {}, {}, y.body().offset * int64_t(bytes_of(y.dtype()))));
  parallel_for(a.outer * k, std::max<int64_t>(1, pointwise_grain / a.inner), [&](int64_t begin, int64_t end) {
    for (int64_t u = begin; u < end; ++u) {
      const int64_t i = id[u % k];
      std::memcpy(to + size_t(u) * bytes, from + size_t(u / k * a.size + (i < 0 ? i + a.size : i)) * bytes, bytes);
    }
  });
}

// A thread has rows of y of its own and reads all ids: the same order for any number of threads.
void index_add_kernel(const Cpu& on, const Tensor& values, const Tensor& given, const Tensor& y, int dim, int64_t skipped, bool negative, const char* op) {
  if (is_half(y.dtype())) {  // sums of many are kept in float
    const Tensor wide = empty(y.shape(), {f32});
    copy_kernel(on, y, wide);
    index_add_kernel(on, values, given, wide, dim, skipped, negative, op);
    return copy_kernel(on, wide, y);
  }
  const Around a(y.shape(), dim);
  const Tensor ids = as_i64(given);
  const int64_t k = ids.size(), *id = ids.data<int64_t>(), low = negative ? -a.size : 0;
  for (int64_t i = 0; i < k; ++i) if (id[i] < low || id[i] >= a.size) bad_id(id[i], low, a.size);
  if (a.size == 0) return;
  const int64_t parts = a.outer >= threads() ? 1 : std::min<int64_t>(a.size, parallel_parts(k * a.inner, pointwise_grain));
  dispatch(values.dtype(), [&]<class V>(V) {
    using Y = Compute<V>;
    if constexpr (!std::is_same_v<V, bool>) {
      const V* from = output<V>(values);
      Y* to = output<Y>(y);
      parallel_for(a.outer * parts, std::max<int64_t>(1, pointwise_grain * parts / std::max<int64_t>(1, k * a.inner)), [&](int64_t begin, int64_t end) {
        for (int64_t u = begin; u < end; ++u) {
          const int64_t o = u / parts, part = u % parts, first = a.size * part / parts, last = a.size * (part + 1) / parts;
          for (int64_t i = 0; i < k; ++i) {
            const int64_t row = id[i] < 0 ? id[i] + a.size : id[i];
            if (row < first || row >= last || row == skipped) continue;
            const V* v = from + (o * k + i) * a.inner;
            Y* t = to + (o * a.size + row) * a.inner;
            for (int64_t j = 0; j < a.inner; ++j) t[j] += Y(v[j]);
          }
        }
      });
    }
  });
}

}  // namespace mica
