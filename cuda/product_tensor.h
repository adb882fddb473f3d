#pragma once
#include <mma.h>
#include "mica/cuda/product.h"
// Products of 16-bit operands on tensor cores, with sums in float.
namespace mica::products {

// A block's tile of c, m x n, its step through the depth, k, and a warp's share of the tile.
template <int m_, int n_, int k_, int warp_m_, int warp_n_> struct Tensors {
  static constexpr int m = m_, n = n_, k = k_, warp_m = warp_m_, warp_n = warp_n_, threads = m / warp_m * (n / warp_n) * 32;
};
template <class T> struct TensorType { using type = __half; };
template <> struct TensorType<bfloat16> { using type = __nv_bfloat16; };

#ifdef __CUDA_ARCH__
template <class T> inline constexpr bool compiled_for = !std::is_same_v<T, bfloat16> || __CUDA_ARCH__ >= 800;
#else
template <class T> inline constexpr bool compiled_for = true;
#endif

// An operand's tile in shared memory, in the operand's order, its rows `step` apart: 16 bytes more than they hold, against bank conflicts.
template <class T, bool deep, int outer, int depth> struct TensorTile {
  static constexpr int step = (deep ? depth : outer) + 8, size = (deep ? outer : depth) * step;
};

// A block computes a tile of c through two tiles each of a and b in shared memory: one is filled while the other is multiplied. A warp sums warp_m x
// warp_n elements, in pieces of 16 x 16, on tensor cores. 2 (1 / m + 1 / n) bytes per multiply-add, from caches; 2 operations per multiply-add.
// Deterministic.
template <class T, class S, bool a_deep, bool b_deep, class A, class B> __global__ void __launch_bounds__(S::threads) product_tensor_kernel(Product<A, B> p) {
  if constexpr (compiled_for<T>) {
    namespace wmma = nvcuda::wmma;
    using W = typename TensorType<T>::type;
    using TileA = TensorTile<T, a_deep, S::m, S::k>;
    using TileB = TensorTile<T, b_deep, S::n, S::k>;
    constexpr int warps_n = S::n / S::warp_n, pieces_m = S::warp_m / 16, pieces_n = S::warp_n / 16, piece_step = 20, piece_size = 16 * piece_step;
    struct alignas(32) Tiles { T a[2][TileA::size], b[2][TileB::size]; };
    static_assert(sizeof(Tiles) >= S::threads / 32 * piece_size * sizeof(float));
    MICA_SHARED(Tiles, tiles);
    const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32, warp_row = warp / warps_n * S::warp_m, warp_column = warp % warps_n * S::warp_n;
    Walk<S::m, S::n, S::k> walk(p);
    TileLoad<A, a_deep, S::m, S::k, S::threads> a(p.a, walk.row);
    TileLoad<B, b_deep, S::n, S::k, S::threads> b(p.b, walk.column);
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum[pieces_m][pieces_n];
    for (auto& row : sum) for (auto& piece : row) wmma::fill_fragment(piece, 0.0f);
    auto fetch = [&] {
      a.load(p.a, walk.a, walk.row, walk.depth);
      b.load(p.b, walk.b, walk.column, walk.depth);
    };
    auto keep = [&](int at) {
      a.store(tiles.a[at], TileA::step);
      b.store(tiles.b[at], TileB::step);
    };
    fetch();
    keep(0);
    __syncthreads();
    for (int now = 0; walk.left > 0; now ^= 1) {
      const bool more = walk.next(p);
      if (more) fetch();
      const W* const a_tile = reinterpret_cast<const W*>(tiles.a[now]);
      const W* const b_tile = reinterpret_cast<const W*>(tiles.b[now]);
#pragma unroll
      for (int k = 0; k < S::k; k += 16) {
        wmma::fragment<wmma::matrix_a, 16, 16, 16, W, std::conditional_t<a_deep, wmma::row_major, wmma::col_major>> x[pieces_m];
        wmma::fragment<wmma::matrix_b, 16, 16, 16, W, std::conditional_t<b_deep, wmma::col_major, wmma::row_major>> y[pieces_n];
#pragma unroll
        for (int i = 0; i < pieces_m; ++i) {
          const int outer = warp_row + i * 16;
          wmma::load_matrix_sync(x[i], a_tile + (a_deep ? outer * TileA::step + k : k * TileA::step + outer), TileA::step);
        }
#pragma unroll
        for (int j = 0; j < pieces_n; ++j) {
          const int outer = warp_column + j * 16;
          wmma::load_matrix_sync(y[j], b_tile + (b_deep ? outer * TileB::step + k : k * TileB::step + outer), TileB::step);
        }
#pragma unroll
        for (int i = 0; i < pieces_m; ++i)
#pragma unroll
          for (int j = 0; j < pieces_n; ++j) wmma::mma_sync(sum[i][j], x[i], y[j], sum[i][j]);
      }
      if (more) keep(now ^ 1);
      __syncthreads();
    }
    // Which lane holds which element is not said: they pass through shared memory, where a lane takes 8 neighbours of a row.
    float* const piece = reinterpret_cast<float*>(&tiles) + warp * piece_size;
    const int from = lane / 2 * piece_step + lane % 2 * 8;
#pragma unroll
    for (int i = 0; i < pieces_m; ++i)
#pragma unroll
      for (int j = 0; j < pieces_n; ++j) {
        wmma::store_matrix_sync(piece, sum[i][j], piece_step, wmma::mem_row_major);
        __syncwarp();
        const int64_t row = walk.row + warp_row + i * 16 + lane / 2, column = walk.column + warp_column + j * 16 + lane % 2 * 8;
        if (row < p.m) {
          const int64_t at = output_row(p, walk, row), bias = walk.batch * p.out.bias_step;
          put(p.out, at, bias, column, p.n, piece + from);
          put(p.out, at, bias, column + 4, p.n, piece + from + 4);
        }
        __syncwarp();
      }
  }
}

template <class T, bool a_deep, bool b_deep, class A, class B> void on_tensor_cores(const Cuda& on, const Product<A, B>& p, bool large) {
  auto run_as = [&]<class S>(S) { queue<float>(on, S::m, S::n, S::k, S::threads, product_tensor_kernel<T, S, a_deep, b_deep, A, B>, p); };
  if (large) run_as(Tensors<128, 128, 32, 64, 32>()); else run_as(Tensors<64, 64, 32, 32, 32>());
}

}  // namespace mica::products
