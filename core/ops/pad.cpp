#include "mica/core/ops/pad.h"
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/core/ops/index_select.h"
#include "mica/core/ops/view.h"

namespace mica {
namespace op {
namespace {
Tensor inside(const Tensor& y, const Shape& before, const Shape& shape) {
  int64_t offset = y.body().offset;
  for (int i = 0; i < shape.rank(); ++i) offset += before[i] * y.strides()[i];
  return alias(y, shape, y.strides(), offset);
}
}  // namespace
Spec Pad::out(const Tensor& x) const {
  Shape shape = x.shape();
  for (int i = 0; i < shape.rank(); ++i) shape[i] += before[i] + after[i];
  const bool channels_last = x.rank() >= 3 && !x.is_contiguous() && x.has_layout(Layout::channels_last);
  return {shape, x.dtype(), strides_of(shape, channels_last ? Layout::channels_last : Layout::row_major)};
}
void Pad::forward(const auto& on, const Tensor& x, Tensor& y) const {
  fill_kernel(on, value, y);
  copy_kernel(on, x, inside(y, before, x.shape()));
}
void Pad::backward(const auto&, const Tensor& x, const Tensor&, const Tensor& dy, Tensor& dx) const { dx = inside(dy, before, x.shape()); }
}  // namespace op

namespace {
std::string wrong(const std::string& what, const Tensor& x) { return "pad: " + what + "\n  x: " + describe(x); }
void check(const Tensor& x, const std::vector<int64_t>& amounts) {
  if (amounts.size() % 2 || int64_t(amounts.size()) > 2 * x.rank())
    throw Error(wrong(std::to_string(amounts.size()) + " amounts; there must be two for each padded dimension, and x has " + std::to_string(x.rank()) + " dimensions", x));
}
}  // namespace

Tensor pad(const Tensor& x, const std::vector<int64_t>& amounts, Scalar value) {
  check(x, amounts);
  op::Pad o{x.shape(), x.shape(), value};
  Tensor inner = x;
  for (int i = 0; i < x.rank(); ++i) {
    const size_t k = size_t(2 * (x.rank() - 1 - i));
    const int64_t before = k < amounts.size() ? amounts[k] : 0, after = k < amounts.size() ? amounts[k + 1] : 0, n = x.shape()[i];
    const int64_t cut_before = std::min<int64_t>(0, before), cut_after = std::min<int64_t>(0, after);
    if (n + cut_before + cut_after < 0) throw Error(wrong("dimension " + std::to_string(i) + " of size " + std::to_string(n) + " cannot be padded by " + std::to_string(before) + " and " + std::to_string(after), x));
    if (cut_before || cut_after) inner = slice(inner, i, -cut_before, n + cut_after);
    o.before[i] = std::max<int64_t>(0, before);
    o.after[i] = std::max<int64_t>(0, after);
  }
  return apply(o, inner);
}
Tensor pad(const Tensor& x, const std::vector<int64_t>& amounts, PadMode mode) {
  check(x, amounts);
  Tensor y = x;
  for (size_t k = 0; k < amounts.size(); k += 2) {
    const int dim = x.rank() - 1 - int(k / 2);
    const int64_t before = amounts[k], after = amounts[k + 1], n = x.shape()[dim];
    if (before == 0 && after == 0) continue;
    const int64_t most = mode == PadMode::reflect ? n - 1 : n ? INT64_MAX : 0;
    if (before < 0 || after < 0 || before > most || after > most)
      throw Error(wrong("dimension " + std::to_string(dim) + " of size " + std::to_string(n) + " cannot be padded by " + std::to_string(before) + " and " + std::to_string(after) +
                        (mode == PadMode::reflect ? " mirrored entries" : " copies of its ends"), x));
    std::vector<int64_t> ids;
    for (int64_t i = -before; i < n + after; ++i)
      ids.push_back(mode == PadMode::replicate ? std::clamp<int64_t>(i, 0, n - 1) : i < 0 ? -i : i < n ? i : 2 * (n - 1) - i);
    y = index_select(y, dim, from(std::span<const int64_t>(ids), {int64_t(ids.size())}, {i64, x.device()}));
  }
  return y;
}

}  // namespace mica
