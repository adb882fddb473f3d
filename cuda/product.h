#pragma once
#include "mica/cuda/fold.h"
#include "mica/cuda/gemm.h"
#include "mica/cuda/operand.h"
// Tiled products c = a b of operands that need not be stored matrices: what gemm and the convolutions are made of. Deterministic: every sum is taken
// in an order that depends on sizes only.
namespace mica::products {

// Where a product goes and what is added to it.
struct Output {
  void* c = nullptr;
  DType type = f32;
  Places<1> rows{};               // element (i, j) at rows(i) + j * step
  int64_t step = 1;
  bool vectors = false;           // 4 neighbours of a row are stored at once
  bool add = false;               // to what c holds
  const void* bias = nullptr;     // [columns], and of batch number s at s * bias_step
  DType bias_type = f32;
  int64_t bias_step = 0;
};

// c[s] = the sum over t of a[s, t] b[s, t], for all places s of `batch` (in c, a and b) and t of `sum` (in a and b); each a is [m, k], each b [k, n].
// The depth of a sum, t and k together, is divided among `splits` blocks; their sums go to partial[s][split][m][n].
template <class A, class B> struct Product {
  A a;
  B b;
  int64_t m, n, k;
  Output out;
  Places<3> batch{};
  Places<2> sum{};
  int splits = 1;
  void* partial = nullptr;
};

template <class C, int n> __device__ __forceinline__ void store_pack(void* p, DType type, int64_t i, const C* v) {
  auto put = [&]<class T>(T) {
    Pack<T, n> values;
#pragma unroll
    for (int e = 0; e < n; ++e) values.v[e] = narrow<T>(v[e]);
    *reinterpret_cast<Pack<T, n>*>(static_cast<T*>(p) + i) = values;
  };
  switch (type) {
    case f64: return put(double{});
    case f32: return put(float{});
    case f16: return put(float16{});
    default: return put(bfloat16{});
  }
}
// Stores v[0] to v[3] into columns j to j + 3 of `columns`, j a multiple of 4, of the row at `row`.
template <class C> __device__ __forceinline__ void put(const Output& o, int64_t row, int64_t bias, int64_t j, int64_t columns, const C* v) {
  C value[4];
#pragma unroll
  for (int e = 0; e < 4; ++e) {
    value[e] = v[e];
    if (j + e >= columns) continue;
    if (o.bias) value[e] += load<C>(o.bias, o.bias_type, bias + j + e);
    if (o.add) value[e] += load<C>(o.c, o.type, row + (j + e) * o.step);
  }
  if (o.vectors && j + 4 <= columns) store_pack<C, 4>(o.c, o.type, row + j, value);
  else
    for (int e = 0; e < 4 && j + e < columns; ++e) store(o.c, o.type, row + (j + e) * o.step, value[e]);
}
__device__ __forceinline__ int64_t row_place(const Output& o, int64_t i) {
  int64_t at;
  if (o.rows.rank == 1) at = i * o.rows.stride[0][0]; else o.rows(i, &at);
  return at;
}

// A block's place in a product: its tile, batch and split, and the walk along its part of the depth.
template <int tile_m, int tile_n, int tile_k> struct Walk {
  int64_t row, column, batch, split, left, term, depth, c, a0, b0, a, b;
  template <class P> __device__ Walk(const P& p) {
    const int64_t row_tiles = (p.m + tile_m - 1) / tile_m, column_tiles = (p.n + tile_n - 1) / tile_n;
    int64_t i = blockIdx.x;
    row = i % row_tiles * tile_m; i /= row_tiles;
    column = i % column_tiles * tile_n; i /= column_tiles;
    split = i % p.splits;
    batch = i / p.splits;
    int64_t at[3];
    p.batch(batch, at);
    c = at[0]; a0 = at[1]; b0 = at[2];
    const int64_t each = (p.k + tile_k - 1) / tile_k, all = each * p.sum.count, begin = all * split / p.splits;
    left = all * (split + 1) / p.splits - begin;
    term = each ? begin / each : 0;
    depth = (begin - term * each) * tile_k;
    start_term(p);
  }
  template <class P> __device__ void start_term(const P& p) {
    int64_t at[2];
    p.sum(term, at);
    a = a0 + at[0];
    b = b0 + at[1];
  }
  // Whether there is another tile of depth.
  template <class P> __device__ __forceinline__ bool next(const P& p) {
    depth += tile_k;
    if (depth >= p.k) { depth = 0; ++term; start_term(p); }
    return --left > 0;
  }
};
// Where row i of a block's tile begins.
template <class P, class W> __device__ __forceinline__ int64_t output_row(const P& p, const W& walk, int64_t i) {
  return p.splits > 1 ? ((walk.batch * p.splits + walk.split) * p.m + i) * p.n : walk.c + row_place(p.out, i);
}

// One thread adds the parts of one element, in order. (splits + 1) sizeof(C) bytes each, splits operations each. Deterministic.
template <class C> __global__ void add_splits_kernel(Output out, Places<3> batch, int64_t m, int64_t n, int splits, const C* partial) {
  const int64_t i = thread_number();
  if (i >= batch.count * m * n) return;
  const int64_t s = i / (m * n), element = i - s * m * n, row = element / n, j = element - row * n;
  C total = 0;
  for (int split = 0; split < splits; ++split) total += partial[(s * splits + split) * m * n + element];
  int64_t at[3];
  batch(s, at);
  const int64_t place = at[0] + row_place(out, row) + j * out.step;
  if (out.bias) total += load<C>(out.bias, out.bias_type, s * out.bias_step + j);
  if (out.add) total += load<C>(out.c, out.type, place);
  store(out.c, out.type, place, total);
}

// Whether tensor cores multiply bf16: from compute capability 8.0 on. All GPUs that mica runs on multiply f16.
inline bool has_bf16_products(const Cuda& on) {
  int major = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, on.device), "cudaDeviceGetAttribute");
  return major >= 8;
}

// Few tiles leave a large GPU idle: then the depth is divided, in parts of at least 8 tiles.
inline int splits_for(int64_t blocks, int64_t depth_tiles) {
  constexpr int64_t enough = 264, least = 8, most = 64;
  int splits = 1;
  while (splits < most && blocks * splits < enough && depth_tiles / (2 * splits) >= least) splits *= 2;
  return splits;
}
// Queues a kernel with tiles of m x n x k and so many threads.
template <class C, class A, class B> void queue(const Cuda& on, int m, int n, int k, int threads, void (*kernel)(Product<A, B>), Product<A, B> p) {
  const int64_t tiles = (p.m + m - 1) / m * ((p.n + n - 1) / n) * p.batch.count;
  if (tiles == 0) return;
  if (p.sum.count == 0) p.k = 0;  // nothing is loaded
  p.splits = splits_for(tiles, (p.k + k - 1) / k * p.sum.count);
  const Output out = p.out;
  const Scratch scratch(on, p.splits > 1 ? size_t(p.batch.count * p.splits * p.m * p.n) * sizeof(C) : 0);
  if (p.splits > 1) {
    p.out = Output{};
    p.out.c = scratch.as<C>();
    p.out.type = dtype_of<C>;
    p.out.vectors = p.n % 4 == 0;
  }
  launch(on, {dim3(unsigned(tiles * p.splits)), unsigned(threads)}, kernel, p);
  if (p.splits > 1)
    launch(on, {blocks_for(p.batch.count * p.m * p.n), block_threads}, add_splits_kernel<C>, out, p.batch, p.m, p.n, p.splits, scratch.as<C>());
}

// The kernels, in files of their own: tiles of 64 x 64, or of 128 x 128 (large; on CUDA cores for f32 only). deep: the columns of a (b's rows stand
// for columns of the product) are what is summed over, not its rows.
template <class T, bool a_deep, bool b_deep, class A, class B> void on_cores(const Cuda& on, const Product<A, B>& p, bool large);         // f64, f32, bf16
template <class T, bool a_deep, bool b_deep, class A, class B> void on_tensor_cores(const Cuda& on, const Product<A, B>& p, bool large);  // f16, bf16

template <class T, bool a_deep, bool b_deep, class A, class B> void run(const Cuda& on, const Product<A, B>& p, GemmKernel kernel) {
  // Large tiles read less, where they are enough to occupy a large GPU.
  const bool fill = p.m > 64 && p.n > 64 && (p.m + 127) / 128 * ((p.n + 127) / 128) * p.batch.count >= 132;
  const bool large = kernel == GemmKernel::automatic ? fill : kernel == GemmKernel::large || kernel == GemmKernel::tensor_large;
  if constexpr (std::is_same_v<T, float16>) on_tensor_cores<T, a_deep, b_deep>(on, p, large);
  else if constexpr (std::is_same_v<T, bfloat16>) {
    const bool tensors = kernel == GemmKernel::automatic ? has_bf16_products(on) : kernel == GemmKernel::tensor_small || kernel == GemmKernel::tensor_large;
    if (tensors) on_tensor_cores<T, a_deep, b_deep>(on, p, large); else on_cores<T, a_deep, b_deep>(on, p, large);
  } else on_cores<T, a_deep, b_deep>(on, p, large);
}

}  // namespace mica::products
