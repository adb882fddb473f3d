#pragma once
#include "mica/cuda/product.h"
// Products on CUDA cores.
namespace mica::products {

// A block's tile of c, m x n, its step through the depth, k, and what a thread computes of the tile, per x per.
template <int m_, int n_, int k_, int per_> struct Cores {
  static constexpr int m = m_, n = n_, k = k_, per = per_, threads = m * n / (per * per);
};
template <class C, int depth, int length> struct alignas(32) CoreTile { C v[2][depth][length]; };

// A block computes a tile of c through two tiles each of a and b in shared memory: one is filled while the other is multiplied. A thread sums
// per x per elements, in quads of neighbours that lie apart so that a warp reads shared memory without conflicts. sizeof(T) (1 / m + 1 / n)
// bytes per multiply-add, from caches; 2 operations per multiply-add. Deterministic.
template <class T, class S, bool a_deep, bool b_deep, class A, class B> __global__ void __launch_bounds__(S::threads) product_cores_kernel(Product<A, B> p) {
  using C = Compute<T>;
  constexpr int pad = per_16_bytes<T> > 4 ? 8 : 4, per = S::per, quads = per / 4, threads_n = S::n / per, apart_m = S::m / quads, apart_n = S::n / quads;
  using TileA = CoreTile<C, S::k, S::m + pad>;
  using TileB = CoreTile<C, S::k, S::n + pad>;
  MICA_SHARED(TileA, a_tile);
  MICA_SHARED(TileB, b_tile);
  const int tx = int(threadIdx.x) % threads_n * 4, ty = int(threadIdx.x) / threads_n * 4;
  Walk<S::m, S::n, S::k> walk(p);
  TileLoad<A, a_deep, S::m, S::k, S::threads> a(p.a, walk.row);
  TileLoad<B, b_deep, S::n, S::k, S::threads> b(p.b, walk.column);
  C sum[per][per] = {};
  auto fetch = [&] {
    a.load(p.a, walk.a, walk.row, walk.depth);
    b.load(p.b, walk.b, walk.column, walk.depth);
  };
  auto keep = [&](int at) {
    a.store_deep(&a_tile.v[at][0][0], S::m + pad);
    b.store_deep(&b_tile.v[at][0][0], S::n + pad);
  };
  fetch();
  keep(0);
  __syncthreads();
  for (int now = 0; walk.left > 0; now ^= 1) {
    const bool more = walk.next(p);
    if (more) fetch();
#pragma unroll
    for (int k = 0; k < S::k; ++k) {
      Pack<C, 4> x[quads], y[quads];
#pragma unroll
      for (int q = 0; q < quads; ++q) {
        x[q] = *reinterpret_cast<const Pack<C, 4>*>(&a_tile.v[now][k][q * apart_m + ty]);
        y[q] = *reinterpret_cast<const Pack<C, 4>*>(&b_tile.v[now][k][q * apart_n + tx]);
      }
#pragma unroll
      for (int i = 0; i < per; ++i)
#pragma unroll
        for (int j = 0; j < per; ++j) sum[i][j] += x[i / 4].v[i % 4] * y[j / 4].v[j % 4];
    }
    if (more) keep(now ^ 1);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < per; ++i) {
    const int64_t row = walk.row + i / 4 * apart_m + ty + i % 4;
    if (row >= p.m) continue;
    const int64_t at = output_row(p, walk, row);
#pragma unroll
    for (int q = 0; q < quads; ++q) put(p.out, at, walk.batch * p.out.bias_step, walk.column + q * apart_n + tx, p.n, &sum[i][q * 4]);
  }
}

template <class T, bool a_deep, bool b_deep, class A, class B> void on_cores(const Cuda& on, const Product<A, B>& p, bool large) {
  auto run_as = [&]<class S>(S) { queue<Compute<T>>(on, S::m, S::n, S::k, S::threads, product_cores_kernel<T, S, a_deep, b_deep, A, B>, p); };
  if constexpr (std::is_same_v<T, float>) if (large) return run_as(Cores<128, 128, 8, 8>());
  run_as(Cores<64, 64, 4 * per_16_bytes<T>, 4>());
}

}  // namespace mica::products
