#include "mica/core/ops/sort.h"
#include <vector>
#include "mica/core/op.h"
#include "mica/cpu/parallel.h"
#include "mica/cpu/rows.h"

namespace mica {

void sort_kernel(const Cpu&, const Tensor& x, const Tensor& values, const Tensor& indices, bool descending) {
  if (values.size() == 0) return;
  const int64_t n = x.size(-1), k = values.size(-1), rows = x.size() / n;
  dispatch(x.dtype(), [&]<class T>(T) {
    using V = Compute<T>;
    struct Entry { V value; int64_t index; };
    // Ties are decided by the index, so that no stable algorithm is needed; NaN is the largest.
    auto ascending_order = [](const Entry& a, const Entry& b) {
      const bool less = a.value < b.value || (b.value != b.value && a.value == a.value), greater = b.value < a.value || (a.value != a.value && b.value == b.value);
      return less || (!greater && a.index < b.index);
    };
    auto descending_order = [](const Entry& a, const Entry& b) {
      const bool less = a.value < b.value || (b.value != b.value && a.value == a.value), greater = b.value < a.value || (a.value != a.value && b.value == b.value);
      return greater || (!less && a.index < b.index);
    };
    const T* from = output<T>(x);
    T* to = output<T>(values);
    int64_t* place = output<int64_t>(indices);
    parallel_for(rows, std::max<int64_t>(1, pointwise_grain / (8 * n)), [&](int64_t begin, int64_t end) {
      std::vector<Entry> row(static_cast<size_t>(n));
      auto sorted = [&](auto&& before) {
        if (k < n) std::partial_sort(row.begin(), row.begin() + k, row.end(), before);
        else std::sort(row.begin(), row.end(), before);
      };
      for (int64_t r = begin; r < end; ++r) {
        for (int64_t i = 0; i < n; ++i) row[size_t(i)] = {V(from[r * n + i]), i};
        if (descending) sorted(descending_order); else sorted(ascending_order);
        for (int64_t i = 0; i < k; ++i) {
          to[r * k + i] = T(row[size_t(i)].value);
          place[r * k + i] = row[size_t(i)].index;
        }
      }
    });
  });
}

}  // namespace mica
