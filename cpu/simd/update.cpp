#include <xsimd/xsimd.hpp>
#include "mica/cpu/update_table.h"

namespace mica::MICA_ISA {
using UpdateBatch = xsimd::batch<float>;

template <class R> void update_row(const void* coefficients, int64_t n, float* w, const float* g, float* const* s) {
  const R rule = *static_cast<const R*>(coefficients);
  constexpr int64_t width = UpdateBatch::size;
  auto one = [&](float* w, const float* g, float* const* s, int64_t at) {
    UpdateBatch x = UpdateBatch::load_unaligned(w), state[3];
    for (int k = 0; k < R::states; ++k) state[k] = UpdateBatch::load_unaligned(s[k] + at);
    rule(x, UpdateBatch::load_unaligned(g), state);
    x.store_unaligned(w);
    for (int k = 0; k < R::states; ++k) state[k].store_unaligned(s[k] + at);
  };
  int64_t i = 0;
  for (; i + width <= n; i += width) one(w + i, g + i, s, i);
  if (i == n) return;
  float wt[width] = {}, gt[width] = {}, st[3][width] = {};
  float* const states[3] = {st[0], st[1], st[2]};
  for (int64_t j = i; j < n; ++j) {
    wt[j - i] = w[j]; gt[j - i] = g[j];
    for (int k = 0; k < R::states; ++k) st[k][j - i] = s[k][j];
  }
  one(wt, gt, states, 0);
  for (int64_t j = i; j < n; ++j) {
    w[j] = wt[j - i];
    for (int k = 0; k < R::states; ++k) s[k][j] = st[k][j - i];
  }
}
template <class... R> constexpr UpdateTable make_updates(rule::List<R...>) { return {{&update_row<R>...}}; }
constinit const UpdateTable updates = make_updates(rule::All{});
}  // namespace mica::MICA_ISA
