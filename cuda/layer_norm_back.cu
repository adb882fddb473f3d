#include "mica/cuda/fold.h"
#include "mica/cuda/layer_norm.h"
// With m the normalised x and g = dy weight: dx = inverse_std (g - mean of g - m mean of (g m)), dweight = sum of dy m, dbias = sum of dy.
namespace mica {
namespace {
// m = (x - mean - rest) scale, mean rounded and rest what that took from it.
template <class C> struct Normalize {
  C mean, rest, scale;
  __device__ Normalize(double m, double inverse_std) : mean(C(m)), rest(C(m - double(C(m)))), scale(C(inverse_std)) {}
  __device__ __forceinline__ C operator()(C x) const { return ((x - mean) - rest) * scale; }
};

// Teams take rows in turn; a thread keeps its places in the row, and adds up what their weight and bias get over the rows of its team; the teams of
// a block meet in shared memory, the blocks in layer_norm_parts_kernel. 3 sizeof(T) bytes per element, 16 operations per element.
// Deterministic.
template <class T, int packs> __global__ void __launch_bounds__(512)
layer_norm_back_kernel(int64_t rows, int64_t n, bool vectors, const T* x, RowParameter<T> weight, const double* mean, const double* inverse_std, const T* dy, T* dx,
                       Compute<T>* dweight, Compute<T>* dbias) {
  using C = Compute<T>;
  using Row = Held<T, packs>;
  MICA_SHARED(C, parts, [32]);
  MICA_SHARED(C, merged, [128 * Row::items]);
  C w[Row::items], dw[Row::items] = {}, db[Row::items] = {};
#pragma unroll
  for (C& v : w) v = C(1);
  if (weight.data) weight.template load<packs>(w, n, vectors);
  for (int64_t first = int64_t(blockIdx.x) * blockDim.y; first < rows; first += int64_t(gridDim.x) * blockDim.y) {
    const int64_t row = first + threadIdx.y, here = row < rows ? n : 0;
    Row h, d;
    h.load(x + row * n, here, vectors, C(0));
    d.load(dy + row * n, here, vectors, C(0));
    const Normalize<C> normalize(here ? mean[row] : 0, here ? inverse_std[row] : 0);
    C sum = 0, products = 0;
#pragma unroll
    for (int j = 0; j < Row::items; ++j) {  // beyond the row d is 0
      h.v[j] = normalize(h.v[j]);
      dw[j] += d.v[j] * h.v[j];
      db[j] += d.v[j];
      const C g = d.v[j] * w[j];
      sum += g;
      products += g * h.v[j];
    }
    if (!dx) continue;
    sum = sum_of_team(sum, &parts[0]) / C(n);
    products = sum_of_team(products, &parts[0]) / C(n);
#pragma unroll
    for (int j = 0; j < Row::items; ++j) h.v[j] = normalize.scale * (d.v[j] * w[j] - sum - h.v[j] * products);
    h.store(dx + row * n, here, vectors);
  }
  const auto put = [&](const C (&v)[Row::items], C* to) {
    if (!to) return;
    to += int64_t(blockIdx.x) * n;
    __syncthreads();
#pragma unroll
    for (int j = 0; j < Row::items; ++j) {
      const int64_t i = Row::at(j, vectors);
      if (i < n) (blockDim.y == 1 ? to : &merged[0] + threadIdx.y * n)[i] = v[j];
    }
    if (blockDim.y == 1) return;
    __syncthreads();
    for (int64_t i = threadIdx.y * blockDim.x + threadIdx.x; i < n; i += blockDim.x * blockDim.y) {
      C all = 0;
      for (unsigned k = 0; k < blockDim.y; ++k) all += merged[k * n + i];
      to[i] = all;
    }
  };
  put(dw, dweight);
  put(db, dbias);
}

// Rows too long for that: a block takes a row, and reads it twice. 5 sizeof(T) bytes per element, 14 operations per element. Deterministic.
template <class T> __global__ void layer_norm_long_back_kernel(int64_t n, const T* x, RowParameter<T> weight, const double* mean, const double* inverse_std, const T* dy, T* dx) {
  using C = Compute<T>;
  MICA_SHARED(C, parts, [32]);
  const int64_t first = blockIdx.x * n;
  const Normalize<C> normalize(mean[blockIdx.x], inverse_std[blockIdx.x]);
  C sum = 0, products = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
    const C g = wide(dy[first + i]) * weight.at(i, C(1));
    sum += g;
    products += g * normalize(wide(x[first + i]));
  }
  sum = sum_of_team(sum, &parts[0]) / C(n);
  products = sum_of_team(products, &parts[0]) / C(n);
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
    dx[first + i] = narrow<T>(normalize.scale * (wide(dy[first + i]) * weight.at(i, C(1)) - sum - normalize(wide(x[first + i])) * products));
}
// And their weights: a thread takes one place in the row, over the rows of one part. 2 sizeof(T) bytes per element, 6 operations per element. Deterministic.
template <class T> __global__ void layer_norm_long_weights_kernel(int64_t rows, int64_t n, const T* x, const double* mean, const double* inverse_std, const T* dy, Compute<T>* dweight,
                                                                  Compute<T>* dbias) {
  using C = Compute<T>;
  const int64_t i = thread_number();
  if (i >= n) return;
  C dw = 0, db = 0;
  for (int64_t row = rows * blockIdx.y / gridDim.y; row < rows * (blockIdx.y + 1) / gridDim.y; ++row) {
    const C d = wide(dy[row * n + i]);
    dw += d * Normalize<C>(mean[row], inverse_std[row])(wide(x[row * n + i]));
    db += d;
  }
  if (dweight) dweight[blockIdx.y * n + i] = dw;
  if (dbias) dbias[blockIdx.y * n + i] = db;
}

// y[i] = the sum of parts[k][i] over k, in order: 32 places a block. sizeof(C) bytes per part and place, 1 operation per part and place. Deterministic.
template <class C> __global__ void layer_norm_parts_kernel(int64_t n, int count, const C* parts, void* y, DType dtype) {
  MICA_SHARED(double, sums, [8][33]);
  const int64_t i = int64_t(blockIdx.x) * 32 + threadIdx.x;
  double sum = 0;
#pragma unroll 4
  for (int k = int(threadIdx.y); k < (i < n ? count : 0); k += 8) sum += double(parts[k * n + i]);
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || i >= n) return;
  for (int k = 1; k < 8; ++k) sum += sums[k][threadIdx.x];
  store(y, dtype, i, sum);
}
}  // namespace

void layer_norm_backward(const Cuda& on, int64_t n, const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& inverse_std, const Tensor& dy, const Tensor& dx,
                         const Tensor& dweight, const Tensor& dbias) {
  const int64_t rows = x.size() / n;
  dispatch_float(x.dtype(), [&]<class T>(T) {
    using C = Compute<T>;
    const RowParameter<T> w(weight);
    const T *px = output<T>(x), *pd = output<T>(dy);
    T* to = dx ? output<T>(dx) : nullptr;
    const double *m = output<double>(mean), *s = output<double>(inverse_std);
    constexpr int most_packs = sizeof(T) == 2 ? 2 : 4;  // 16 items at most: five arrays of them are in registers
    const Team team = team_of<T>(n, most_packs);
    // Enough blocks for a large GPU, each with several rows.
    const int parts = int(team.packs ? std::clamp<int64_t>(rows / (4 * team.rows), 1, 528) : std::clamp<int64_t>(rows / 32, 1, 64));
    const Scratch weights(on, dweight ? size_t(parts * n) * sizeof(C) : 0), biases(on, dbias ? size_t(parts * n) * sizeof(C) : 0);
    C *dw = dweight ? weights.as<C>() : nullptr, *db = dbias ? biases.as<C>() : nullptr;
    if (team.packs) {
      const bool vectors = row_vectors<T>(n, px, pd, to) && w.aligned();
      with_packs(team.packs, [&]<int packs>(std::integral_constant<int, packs>) {
        if constexpr (packs <= most_packs) launch(on, {dim3(unsigned(parts)), team.block()}, layer_norm_back_kernel<T, packs>, rows, n, vectors, px, w, m, s, pd, to, dw, db);
      });
    } else {
      if (dx) launch(on, {dim3(unsigned(rows)), team.block()}, layer_norm_long_back_kernel<T>, n, px, w, m, s, pd, to);
      if (dw || db) launch(on, {dim3(blocks_for(n).x, unsigned(parts)), block_threads}, layer_norm_long_weights_kernel<T>, rows, n, px, m, s, pd, dw, db);
    }
    if (dweight) launch(on, {blocks_for(n, 32), dim3(32, 8)}, layer_norm_parts_kernel<C>, n, parts, dw, address(dweight), dweight.dtype());
    if (dbias) launch(on, {blocks_for(n, 32), dim3(32, 8)}, layer_norm_parts_kernel<C>, n, parts, db, address(dbias), dbias.dtype());
  });
}

}  // namespace mica
