#include "mica/core/create.h"
#include <cmath>
#include <vector>
#include "mica/core/kernels.h"
#include "mica/core/ops/pointwise.h"
#include "mica/core/ops/view.h"

namespace mica {
namespace {
int64_t steps(Scalar start, Scalar stop, Scalar step) {
  if (step.real() == 0) throw Error("arange: the step is 0");
  if (start.dtype() != f32 && stop.dtype() != f32 && step.dtype() != f32) {  // exact; __int128 holds every difference
    const __int128 distance = __int128(stop.integer()) - start.integer(), one = step.integer();
    const __int128 n = (distance + one + (one > 0 ? -1 : 1)) / one;
    if (n > INT64_MAX) throw Error("arange: too many values");
    return (distance > 0) == (one > 0) && distance != 0 ? int64_t(n) : 0;
  }
  const double n = std::ceil((stop.real() - start.real()) / step.real());
  if (!(n < 0x1p62)) throw Error("arange: from " + std::to_string(start.real()) + " to " + std::to_string(stop.real()) + " by " + std::to_string(step.real()) + " is no finite number of values");
  return n > 0 ? int64_t(n) : 0;
}
Tensor random_like(const Tensor& x, Tensor (*draw)(const Shape&, TensorOptions)) {
  const Tensor values = draw(x.shape(), {x.dtype(), x.device()}), y = empty_like(x);
  copy_into(y, values);
  return y;
}
// Column index minus row index, [rows, columns], of a matrix.
Tensor offsets(const Tensor& x, const char* op) {
  if (x.rank() < 2) throw Error(std::string(op) + ": x has " + std::to_string(x.rank()) + " dimensions; at least 2 are needed\n  x: " + describe(x));
  const TensorOptions at{i64, x.device()};
  return arange(0, x.size(-1), 1, at) - unsqueeze(arange(0, x.size(-2), 1, at), 1);
}
}  // namespace

Tensor arange(Scalar stop) { return arange(0, stop); }
Tensor arange(Scalar start, Scalar stop, Scalar step) {
  const bool any_float = start.dtype() == f32 || stop.dtype() == f32 || step.dtype() == f32;
  return arange(start, stop, step, {any_float ? f32 : i64});
}
Tensor arange(Scalar start, Scalar stop, Scalar step, TensorOptions options) {
  const size_t n = size_t(steps(start, stop, step));
  if (start.dtype() != f32 && stop.dtype() != f32 && step.dtype() != f32) {
    std::vector<int64_t> values(n);
    for (size_t i = 0; i < n; ++i) values[i] = int64_t(uint64_t(start.integer()) + i * uint64_t(step.integer()));  // modulo 2^64: the product alone may not fit
    return from(values, {int64_t(n)}, options);
  }
  std::vector<double> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = start.real() + double(i) * step.real();
  return from(values, {int64_t(n)}, options);
}

Tensor linspace(double start, double stop, int64_t count, TensorOptions options) {
  if (count < 0) throw Error("linspace: " + std::to_string(count) + " values");
  std::vector<double> values(static_cast<size_t>(count));
  const double step = count > 1 ? (stop - start) / double(count - 1) : 0;
  for (int64_t i = 0; i < count; ++i) values[size_t(i)] = 2 * i < count ? start + double(i) * step : stop - double(count - 1 - i) * step;
  return from(values, {count}, options);
}

Tensor eye(int64_t n, TensorOptions options) { return eye(n, n, options); }
Tensor eye(int64_t rows, int64_t columns, TensorOptions options) {
  const Tensor x = zeros({rows, columns}, options);
  const int64_t n = std::min(rows, columns);
  fill(alias(x, {n}, {columns + 1}, 0), 1);
  return x;
}

Tensor rand_like(const Tensor& x) { return random_like(x, rand); }
Tensor randn_like(const Tensor& x) { return random_like(x, randn); }

Tensor tril(const Tensor& x, int64_t diagonal) { return where(offsets(x, "tril") <= diagonal, x, beside(0, x)); }
Tensor triu(const Tensor& x, int64_t diagonal) { return where(offsets(x, "triu") >= diagonal, x, beside(0, x)); }

}  // namespace mica
