#include "mica/core/ops/layer_norm.h"
#include "mica/core/kernels.h"
#include "mica/cuda/layer_norm.h"
#include "mica/cuda/rows.h"
// Forward: a team holds a row of n numbers in registers, and takes its mean, then its spread around the mean (and what rounding took from the mean).
namespace mica {
namespace {
template <class C> __device__ __forceinline__ C inverse_std_of(C squares, C rest, C n, C eps) {
  const C var = squares / n - rest * rest;
  return C(1) / math::sqrt((var < 0 ? C(0) : var) + eps);  // NaN stays NaN
}

// A team takes a row. 2 sizeof(T) bytes per element, 9 operations per element. Deterministic.
template <class T, int packs> __global__ void __launch_bounds__(512)
layer_norm_kernel(int64_t rows, int64_t n, bool vectors, double eps, const T* x, RowParameter<T> weight, RowParameter<T> bias, T* y, double* mean, double* inverse_std) {
  using C = Compute<T>;
  MICA_SHARED(C, parts, [32]);
  const int64_t row = int64_t(blockIdx.x) * blockDim.y + threadIdx.y, here = row < rows ? n : 0;
  Held<T, packs> h;
  h.load(x + row * n, here, vectors, C(0));
  C sum = 0, squares = 0;
#pragma unroll
  for (const C v : h.v) sum += v;
  const C middle = sum_of_team(sum, &parts[0]) / C(n);
  sum = 0;
#pragma unroll
  for (int j = 0; j < h.items; ++j) {
    h.v[j] -= middle;
    if (h.at(j, vectors) >= here) continue;
    sum += h.v[j];
    squares += h.v[j] * h.v[j];
  }
  const C rest = sum_of_team(sum, &parts[0]) / C(n), scale = inverse_std_of(sum_of_team(squares, &parts[0]), rest, C(n), C(eps));
#pragma unroll
  for (C& v : h.v) v = (v - rest) * scale;
  C p[h.items];
  if (weight.data) {
    weight.template load<packs>(p, here, vectors);
#pragma unroll
    for (int j = 0; j < h.items; ++j) h.v[j] *= p[j];
  }
  if (bias.data) {
    bias.template load<packs>(p, here, vectors);
#pragma unroll
    for (int j = 0; j < h.items; ++j) h.v[j] += p[j];
  }
  h.store(y + row * n, here, vectors);
  if (threadIdx.x != 0 || row >= rows) return;
  mean[row] = double(middle) + double(rest);
  inverse_std[row] = double(scale);
}

// Rows too long for that: a block reads its row three times. 4 sizeof(T) bytes per element, 9 operations per element. Deterministic.
template <class T> __global__ void layer_norm_long_kernel(int64_t n, double eps, const T* x, RowParameter<T> weight, RowParameter<T> bias, T* y, double* mean, double* inverse_std) {
  using C = Compute<T>;
  MICA_SHARED(C, parts, [32]);
  x += blockIdx.x * n;
  y += blockIdx.x * n;
  C sum = 0, squares = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += wide(x[i]);
  const C middle = sum_of_team(sum, &parts[0]) / C(n);
  sum = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
    const C d = wide(x[i]) - middle;
    sum += d;
    squares += d * d;
  }
  const C rest = sum_of_team(sum, &parts[0]) / C(n), scale = inverse_std_of(sum_of_team(squares, &parts[0]), rest, C(n), C(eps));
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) y[i] = narrow<T>(((wide(x[i]) - middle) - rest) * scale * weight.at(i, C(1)) + bias.at(i, C(0)));
  if (threadIdx.x != 0) return;
  mean[blockIdx.x] = double(middle) + double(rest);
  inverse_std[blockIdx.x] = double(scale);
}
}  // namespace

void layer_norm_forward(const Cuda& on, int64_t n, double eps, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y, const Tensor& mean, const Tensor& inverse_std) {
  const int64_t rows = x.size() / n;
  dispatch_float(x.dtype(), [&]<class T>(T) {
    const RowParameter<T> w(weight), b(bias);
    const T* from = output<T>(x);
    T* to = output<T>(y);
    const Team team = team_of<T>(n);
    if (!team.packs)
      return launch(on, {dim3(unsigned(rows)), team.block()}, layer_norm_long_kernel<T>, n, eps, from, w, b, to, output<double>(mean), output<double>(inverse_std));
    const bool vectors = row_vectors<T>(n, from, to) && w.aligned() && b.aligned();
    with_packs(team.packs, [&]<int packs>(std::integral_constant<int, packs>) {
      launch(on, {blocks_for(rows, team.rows), team.block()}, layer_norm_kernel<T, packs>, rows, n, vectors, eps, from, w, b, to, output<double>(mean), output<double>(inverse_std));
    });
  });
}

void op::LayerNorm::forward(const Cuda& on, const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y, State& state) const {
  if (x.size() == 0) return;
  int64_t n = 1;
  for (int i = 0; i < dims; ++i) n *= x.size(-1 - i);
  state.mean = empty({x.size() / n}, {f64, x.device()});
  state.inverse_std = empty({x.size() / n}, {f64, x.device()});
  layer_norm_forward(on, n, eps, x, weight, bias, y, state.mean, state.inverse_std);
}
void op::LayerNorm::backward(const Cuda& on, const Tensor& x, const Tensor& weight, const Tensor&, const Tensor&, const State& state, const Tensor& dy, Tensor& dx, Tensor& dweight,
                             Tensor& dbias) const {
  if (x.size() > 0) return layer_norm_backward(on, x.size() / state.mean.size(), x, weight, state.mean, state.inverse_std, dy, dx, dweight, dbias);
  for (const Tensor* t : {&dweight, &dbias}) if (*t) fill_kernel(on, 0, *t);
}

}  // namespace mica
