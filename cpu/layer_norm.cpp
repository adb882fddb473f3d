#include "mica/core/ops/layer_norm.h"
#include <cmath>
#include "mica/cpu/half.h"
#include "mica/cpu/isa.h"
#include "mica/cpu/layer_norm_table.h"
#include "mica/cpu/parallel.h"
#include "mica/cpu/widen.h"

namespace mica {
namespace {
using Values = std::vector<double>;
template <class T> const LayerNormTable<T>& table() {
  static const auto& t = std::get<LayerNormTable<T>>(pick(v2::layer_norm, v3::layer_norm, v4::layer_norm));
  return t;
}
template <class T> const T* read(const Tensor& t) { return t ? t.data<T>() : nullptr; }
int64_t row_size(const Tensor& x, int dims) {
  int64_t d = 1;
  for (int i = 0; i < dims; ++i) d *= x.size(-1 - i);
  return d;
}

void forward_f64(int64_t rows, int64_t d, double eps, const double* x, const double* weight, const double* bias, double* y, double* mean, double* inverse_std) {
  for (int64_t r = 0; r < rows; ++r, x += d, y += d) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < d; ++i) sum += x[i];
    mean[r] = sum / double(d);
    for (int64_t i = 0; i < d; ++i) squares += (x[i] - mean[r]) * (x[i] - mean[r]);
    inverse_std[r] = 1 / std::sqrt(squares / double(d) + eps);
    for (int64_t i = 0; i < d; ++i) y[i] = (x[i] - mean[r]) * inverse_std[r] * (weight ? weight[i] : 1) + (bias ? bias[i] : 0);
  }
}
// With n the normalised x and g = dy weight: dx = inverse_std (g - mean of g - n mean of (g n)), dweight = sum of dy n, dbias = sum of dy.
void backward_f64(int64_t rows, int64_t d, const double* x, const double* weight, const double* dy, const double* mean, const double* inverse_std, double* dx, double* dweight,
                  double* dbias) {
  for (int64_t r = 0; r < rows; ++r, x += d, dy += d) {
    double sum = 0, products = 0;
    auto n = [&](int64_t i) { return (x[i] - mean[r]) * inverse_std[r]; };
    auto g = [&](int64_t i) { return dy[i] * (weight ? weight[i] : 1); };
    for (int64_t i = 0; i < d; ++i) {
      sum += g(i) / double(d);
      products += g(i) * n(i) / double(d);
      if (dweight) dweight[i] += dy[i] * n(i);
      if (dbias) dbias[i] += dy[i];
    }
    if (dx) for (int64_t i = 0; i < d; ++i) dx[r * d + i] = inverse_std[r] * (g(i) - sum - n(i) * products);
  }
}
}  // namespace

void op::LayerNorm::forward(const Cpu&, const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y, State& state) const {
  if (x.size() == 0) return;
  const int64_t d = row_size(x, dims), rows = x.size() / d;
  state.mean = empty({rows}, {f64});
  state.inverse_std = empty({rows}, {f64});
  double *mean = output<double>(state.mean), *inverse_std = output<double>(state.inverse_std);
  if (x.dtype() == f64)
    return forward_f64(rows, d, eps, x.data<double>(), read<double>(weight), read<double>(bias), output<double>(y), mean, inverse_std);
  const Tensor w = widened(weight), b = widened(bias);
  dispatch_fast(x.dtype(), [&]<class T>(T) {
    parallel_for(rows, std::max<int64_t>(1, pointwise_grain / d), [&](int64_t begin, int64_t end) {
      table<T>().forward(end - begin, d, eps, x.data<T>() + begin * d, read<float>(w), read<float>(b), output<T>(y) + begin * d, mean + begin, inverse_std + begin);
    });
  });
}

void op::LayerNorm::backward(const Cpu&, const Tensor& x, const Tensor& weight, const Tensor&, const Tensor&, const State& state, const Tensor& dy, Tensor& dx, Tensor& dweight,
                             Tensor& dbias) const {
  const int64_t d = row_size(x, dims), rows = d ? x.size() / d : 0;
  Values dw(size_t(dweight ? d : 0)), db(size_t(dbias ? d : 0));
  if (x.size() > 0 && x.dtype() == f64) {
    backward_f64(rows, d, x.data<double>(), read<double>(weight), dy.data<double>(), state.mean.data<double>(), state.inverse_std.data<double>(), dx ? output<double>(dx) : nullptr,
                 dweight ? dw.data() : nullptr, dbias ? db.data() : nullptr);
  } else if (x.size() > 0) {
    constexpr int64_t block = 64;  // rows summed in float before they go on in double
    const Tensor w = widened(weight);
    const int parts = parallel_parts(rows, std::max<int64_t>(1, pointwise_grain / d));
    std::vector<Values> part_dw(size_t(parts), dw), part_db(size_t(parts), db);
    dispatch_fast(x.dtype(), [&]<class T>(T) {
      parallel_for(parts, 1, [&](int64_t first, int64_t last) {
        std::vector<float> fw(dw.size()), fb(db.size());
        for (int64_t p = first; p < last; ++p)
          for (int64_t at = rows * p / parts, end = rows * (p + 1) / parts; at < end; at += block) {
            const int64_t n = std::min(block, end - at);
            std::fill(fw.begin(), fw.end(), 0.f);
            std::fill(fb.begin(), fb.end(), 0.f);
            table<T>().backward(n, d, x.data<T>() + at * d, read<float>(w), dy.data<T>() + at * d, state.mean.data<double>() + at, state.inverse_std.data<double>() + at,
                             dx ? output<T>(dx) + at * d : nullptr, dweight ? fw.data() : nullptr, dbias ? fb.data() : nullptr);
            for (size_t i = 0; i < fw.size(); ++i) part_dw[size_t(p)][i] += double(fw[i]);
            for (size_t i = 0; i < fb.size(); ++i) part_db[size_t(p)][i] += double(fb[i]);
          }
      });
    });
    for (int p = 0; p < parts; ++p) {
      for (size_t i = 0; i < dw.size(); ++i) dw[i] += part_dw[size_t(p)][i];
      for (size_t i = 0; i < db.size(); ++i) db[i] += part_db[size_t(p)][i];
    }
  }
  if (dweight) copy_into(dweight, from(dw, dweight.shape()));
  if (dbias) copy_into(dbias, from(db, dbias.shape()));
}

}  // namespace mica
