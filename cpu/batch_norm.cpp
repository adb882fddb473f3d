#include "mica/core/ops/batch_norm.h"
#include <cmath>
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/cpu/batch_norm_table.h"
#include "mica/cpu/half.h"
#include "mica/cpu/isa.h"
#include "mica/cpu/parallel.h"
// x is rows of c channels. float64: the formulas as they stand. float32 and 16 bits, computed in float: two reads and one write of x forward; one read of x, dy (and y where
// it is the mask) to reduce and one to apply backward. Deterministic: threads sum their rows, and the sums meet in the order of the rows.
namespace mica {
namespace {
using Values = std::vector<double>;
template <class T> const BatchNormTable<T>& table() {
  static const auto& t = std::get<BatchNormTable<T>>(pick(v2::batch_norm, v3::batch_norm, v4::batch_norm));
  return t;
}
Values values_or(const Tensor& t, int64_t c, double otherwise) { return t ? t.to_vector<double>() : Values(size_t(c), otherwise); }
void put(const Tensor& to, const Values& v) { if (to) copy_into(to, from(v, to.shape())); }

// ---- float64
void moments(const double* x, int64_t rows, int64_t c, Values& mean, Values& m2) {
  for (int64_t i = 0; i < rows; ++i) for (int64_t j = 0; j < c; ++j) mean[size_t(j)] += x[i * c + j] / double(rows);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < c; ++j) m2[size_t(j)] += (x[i * c + j] - mean[size_t(j)]) * (x[i * c + j] - mean[size_t(j)]);
}

// ---- float32
constexpr int64_t block = 64;                // rows summed in float before they go on in double
constexpr int64_t streaming = int64_t(4) << 20;  // elements
// Rows of few channels are taken k at a time, as one row of p = k c floats: a multiple of every vector's width and long enough to hide latency.
struct Rows {
  int64_t rows, c, k = 1, p;
  Rows(int64_t rows, int64_t c) : rows(rows), c(c) {
    while (c * k < 512 || (c < 128 && c * k % 16)) ++k;
    p = c * k;
  }
  int parts() const { return parallel_parts(rows, std::max<int64_t>(1, pointwise_grain / c)); }
  // f(first element, rows, k) for runs of at most `block` rows (of k c floats) that cover part i of all.
  template <class F> void runs(int64_t i, int64_t parts, F&& f) const {
    int64_t at = begin(i, parts);
    const int64_t end = begin(i + 1, parts);
    for (; end - at >= k; at += std::min(block, (end - at) / k) * k) f(at * c, std::min(block, (end - at) / k), k);
    if (at < end) f(at * c, end - at, int64_t(1));
  }
  // The same from the end: what the pass before read last is still in the caches.
  template <class F> void runs_back(int64_t i, int64_t parts, F&& f) const {
    const int64_t first = begin(i, parts), end = begin(i + 1, parts), whole = (end - first) / k;  // rows of k c floats
    if (whole * k < end - first) f((first + whole * k) * c, end - first - whole * k, int64_t(1));
    for (int64_t left = whole; left > 0; left -= (left - 1) % block + 1) { const int64_t n = (left - 1) % block + 1; f((first + (left - n) * k) * c, n, k); }
  }
  int64_t begin(int64_t i, int64_t parts) const { return i == parts ? rows : rows * i / parts / k * k; }
  // Whether what is written to `to` is larger than caches keep until it is read again, and takes whole cache lines.
  bool streams(const Tensor& to) const { return to.dtype() == f32 && rows * c >= streaming && p % 16 == 0 && reinterpret_cast<uintptr_t>(output<float>(to)) % 64 == 0; }
  std::vector<float> tiled(const Values& v) const {
    std::vector<float> t(static_cast<size_t>(p));
    for (int64_t j = 0; j < p; ++j) t[size_t(j)] = float(v[size_t(j % c)]);
    return t;
  }
};
// Two sums of k c columns folded into those of c channels.
struct Sums {
  std::vector<float> first, second;
  explicit Sums(const Rows& r) : first(size_t(r.p)), second(size_t(r.p)) {}
  void clear() { std::fill(first.begin(), first.end(), 0.f); std::fill(second.begin(), second.end(), 0.f); }
  template <class F> void fold(int64_t c, int64_t k, F&& f) const {
    for (int64_t j = 0; j < c; ++j) {
      double a = 0, b = 0;
      for (int64_t g = 0; g < k; ++g) { a += double(first[size_t(g * c + j)]); b += double(second[size_t(g * c + j)]); }
      f(size_t(j), a, b);
    }
  }
};
// Mean and sum of squared differences from it, of n values per channel. Chan, Golub and LeVeque 1983: how two samples meet.
struct Moments {
  double n = 0;
  Values mean, m2;
  explicit Moments(int64_t c) : mean(size_t(c)), m2(size_t(c)) {}
  void add(size_t j, double count, double other_mean, double other_m2) {
    const double delta = other_mean - mean[j], total = n + count;
    mean[j] += delta * count / total;
    m2[j] += other_m2 + delta * delta * n * count / total;
  }
};
// A block's values are taken relative to its first row: one of the data, so that the square of what is taken off is no larger than their spread.
template <class T> Moments moments(const T* x, const Rows& r) {
  const int parts = r.parts();
  std::vector<Moments> part(size_t(parts), Moments(r.c));
  parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
    Sums sums(r);
    std::vector<float> origin(static_cast<size_t>(r.p));
    for (int64_t i = begin; i < end; ++i) {
      Moments& m = part[size_t(i)];
      r.runs(i, parts, [&](int64_t at, int64_t n, int64_t k) {
        for (int64_t g = 0; g < k; ++g) std::copy_n(x + at, r.c, origin.begin() + g * r.c);
        sums.clear();
        table<T>().moments(n, r.c * k, x + at, origin.data(), sums.first.data(), sums.second.data());
        const double count = double(n * k);
        sums.fold(r.c, k, [&](size_t j, double a, double b) { m.add(j, count, double(origin[j]) + a / count, std::max(0.0, b - a * a / count)); });
        m.n += count;
      });
    }
  });
  for (int i = 1; i < parts; ++i) {
    for (int64_t j = 0; j < r.c; ++j) part[0].add(size_t(j), part[size_t(i)].n, part[size_t(i)].mean[size_t(j)], part[size_t(i)].m2[size_t(j)]);
    part[0].n += part[size_t(i)].n;
  }
  return std::move(part[0]);
}

// y = (x - mean) scale + shift in float, where shift makes up for what rounding took from the mean.
struct Affine {
  std::vector<float> mean, scale, shift;
  Affine(const Rows& r, const Values& m, const Values& inverse_std, const Values& weight, const Values& bias) {
    Values a(m.size()), b(m.size());
    for (size_t j = 0; j < m.size(); ++j) { a[j] = weight[j] * inverse_std[j]; b[j] = bias[j] - (m[j] - double(float(m[j]))) * a[j]; }
    mean = r.tiled(m); scale = r.tiled(a); shift = r.tiled(b);
  }
  BatchNormRows rows(int64_t n, int64_t p, bool streams = false) const { return {n, p, mean.data(), scale.data(), shift.data(), streams}; }
};
template <class T> const T* at_or_null(const Tensor& t, int64_t at) { return t ? t.data<T>() + at : nullptr; }
}  // namespace

void op::BatchNorm::forward(const Cpu&, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean, const Tensor& running_var,
                            const Tensor& add, Tensor& y, State& state) const {
  if (x.size() == 0) return;
  const int64_t c = x.size(1), rows = x.size() / c;
  const bool is_double = x.dtype() == f64;
  Values mean(static_cast<size_t>(c)), inverse_std(static_cast<size_t>(c));
  if (training) {
    Values m2(static_cast<size_t>(c));
    if (is_double) moments(x.data<double>(), rows, c, mean, m2);
    else dispatch_fast(x.dtype(), [&]<class T>(T) { Moments m = moments(x.data<T>(), Rows(rows, c)); mean = std::move(m.mean); m2 = std::move(m.m2); });
    for (size_t j = 0; j < mean.size(); ++j) inverse_std[j] = 1 / std::sqrt(m2[j] / double(rows) + eps);
    if (running_mean) dispatch_float(running_mean.dtype(), [&]<class T>(T) {
      T *rm = output<T>(running_mean), *rv = output<T>(running_var);
      for (size_t j = 0; j < mean.size(); ++j) {
        rm[j] = T(Compute<T>(double(rm[j]) + momentum * (mean[j] - double(rm[j]))));
        rv[j] = T(Compute<T>(double(rv[j]) + momentum * (m2[j] / double(rows - 1) - double(rv[j]))));
      }
    });
  } else {
    mean = running_mean.to_vector<double>();
    inverse_std = running_var.to_vector<double>();
    for (double& v : inverse_std) v = 1 / std::sqrt(v + eps);
  }
  state.mean = from(mean);
  state.inverse_std = from(inverse_std);
  const Values w = values_or(weight, c, 1), b = values_or(bias, c, 0);
  if (is_double) {
    const double *px = x.data<double>(), *pa = add ? add.data<double>() : nullptr;
    double* py = output<double>(y);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < c; ++j) {
        const size_t k = size_t(j);
        double v = (px[i * c + j] - mean[k]) * inverse_std[k] * w[k] + b[k];
        if (pa) v += pa[i * c + j];
        py[i * c + j] = relu && v < 0 ? 0 : v;
      }
    return;
  }
  const Rows r(rows, c);
  const Affine affine(r, mean, inverse_std, w, b);
  const int parts = r.parts();
  const bool streams = r.streams(y);
  dispatch_fast(x.dtype(), [&]<class T>(T) {
    parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        r.runs_back(i, parts, [&](int64_t at, int64_t n, int64_t k) {
          table<T>().normalize(affine.rows(n, c * k, streams && k == r.k), x.data<T>() + at, at_or_null<T>(add, at), relu, output<T>(y) + at);
        });
    });
  });
}

namespace {
// dbias = sum g, dweight = sum g (x - mean) inverse_std, dx = weight inverse_std (g - (dbias + (x - mean) inverse_std dweight) / rows), where g is dy
// behind relu; outside training mean and variance are constants and dx = weight inverse_std g.
void backward_f64(bool training, int64_t rows, int64_t c, const double* x, const double* y, const double* dy, const Values& mean, const Values& inverse_std, const Values& weight,
                  double* dx, Values& dweight, Values& dbias, double* dadd) {
  auto g = [&](int64_t i) { return y && !(y[i] > 0) ? 0.0 : dy[i]; };
  for (int64_t i = 0; i < rows * c; ++i) {
    const size_t j = size_t(i % c);
    dbias[j] += g(i);
    dweight[j] += g(i) * (x[i] - mean[j]) * inverse_std[j];
    if (dadd) dadd[i] = g(i);
  }
  if (dx) for (int64_t i = 0; i < rows * c; ++i) {
    const size_t j = size_t(i % c);
    const double common = training ? (dbias[j] + (x[i] - mean[j]) * inverse_std[j] * dweight[j]) / double(rows) : 0;
    dx[i] = weight[j] * inverse_std[j] * (g(i) - common);
  }
}
}  // namespace

void op::BatchNorm::backward(const Cpu&, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor&, const Tensor&, const Tensor& add, const Tensor& y,
                             const State& state, const Tensor& dy, Tensor& dx, Tensor& dweight, Tensor& dbias, Tensor&, Tensor&, Tensor& dadd) const {
  const int64_t c = x.size(1);
  Values sum(static_cast<size_t>(c)), product(static_cast<size_t>(c));  // of g, and of g with the normalised x
  if (dadd) dadd = relu ? empty(add.shape(), {add.dtype()}, Layout::channels_last) : dy;
  if (x.size() == 0) { put(dweight, product); put(dbias, sum); return; }
  const int64_t rows = x.size() / c;
  const Values mean = state.mean.to_vector<double>(), inverse_std = state.inverse_std.to_vector<double>(), w = values_or(weight, c, 1), b = values_or(bias, c, 0);
  const Mask mask = !relu ? Mask::none : add ? Mask::from_y : Mask::from_x;
  const bool writes = dadd && relu;  // and then the second pass reads dadd in place of dy and y
  if (x.dtype() == f64) {
    const double* px = x.data<double>();
    Values again;  // y, where it was not saved
    if (mask == Mask::from_x) for (int64_t i = 0; i < rows * c; ++i) {
      const size_t j = size_t(i % c);
      again.push_back((px[i] - mean[j]) * inverse_std[j] * w[j] + b[j]);
    }
    backward_f64(training, rows, c, px, mask == Mask::from_y ? y.data<double>() : mask == Mask::from_x ? again.data() : nullptr, dy.data<double>(), mean, inverse_std, w,
                 dx ? output<double>(dx) : nullptr, product, sum, writes ? output<double>(dadd) : nullptr);
    put(dweight, product);
    put(dbias, sum);
    return;
  }
  const Rows r(rows, c);
  const Affine affine(r, mean, inverse_std, w, b);
  const Tensor masks = mask == Mask::from_y ? y : Tensor();
  const int parts = r.parts();
  if (dweight || dbias || writes || (dx && training)) {
    std::vector<Values> part_sum(size_t(parts), sum), part_product(size_t(parts), product);
    const bool streams = writes && r.streams(dadd);
    dispatch_fast(x.dtype(), [&]<class T>(T) {
      parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
        Sums sums(r);
        for (int64_t i = begin; i < end; ++i)
          r.runs(i, parts, [&](int64_t at, int64_t n, int64_t k) {
            sums.clear();
            table<T>().reduce(affine.rows(n, c * k, streams && k == r.k), mask, x.data<T>() + at, at_or_null<T>(masks, at), dy.data<T>() + at, sums.first.data(), sums.second.data(),
                              writes ? output<T>(dadd) + at : nullptr);
            sums.fold(c, k, [&](size_t j, double s, double q) { part_sum[size_t(i)][j] += s; part_product[size_t(i)][j] += q; });
          });
      });
    });
    for (size_t j = 0; j < sum.size(); ++j) {
      for (int i = 0; i < parts; ++i) { sum[j] += part_sum[size_t(i)][j]; product[j] += part_product[size_t(i)][j]; }
      product[j] = (product[j] - (mean[j] - double(float(mean[j]))) * sum[j]) * inverse_std[j];
    }
    put(dweight, product);
    put(dbias, sum);
  }
  if (!dx) return;
  Values a(static_cast<size_t>(c)), slope(static_cast<size_t>(c)), k0(static_cast<size_t>(c));  // dx = a g + slope (x - mean) + k0
  for (size_t j = 0; j < a.size(); ++j) {
    a[j] = w[j] * inverse_std[j];
    if (!training) continue;
    slope[j] = -a[j] * inverse_std[j] * product[j] / double(rows);
    k0[j] = -a[j] * sum[j] / double(rows) - slope[j] * (mean[j] - double(float(mean[j])));
  }
  const std::vector<float> ta = r.tiled(a), ts = r.tiled(slope), tk = r.tiled(k0);
  const Tensor g = writes ? dadd : dy;
  const bool streams = r.streams(dx);
  dispatch_fast(x.dtype(), [&]<class T>(T) {
    parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        r.runs_back(i, parts, [&](int64_t at, int64_t n, int64_t k) {
          table<T>().gradient(affine.rows(n, c * k, streams && k == r.k), writes ? Mask::none : mask, x.data<T>() + at, at_or_null<T>(masks, at), g.data<T>() + at, ta.data(), ts.data(), tk.data(),
                              output<T>(dx) + at);
        });
    });
  });
}

}  // namespace mica
