#pragma once
#include <cstdint>
// The inner loops of products that mica computes itself.
namespace mica {

// A tile of c = a b: `rows` rows and `columns` columns, the sum over `runs` pieces of `length` terms.
struct Tile {
  const float* const* a;   // a[run * row_step + row]: `length` consecutive elements of that row of a (from `offset` on)
  int64_t row_step, runs, offset, length;
  const float* b;          // [runs * length][width], width a multiple of the SIMD batch, zero beyond `columns`
  float* c;                // row i at c + i * c_step
  int64_t c_step;
  int columns;
  const float* bias;       // of these columns: the sums start from it; null: from 0
  bool add;                // add to what c holds
};
// y[i * y_step] = start + sum over k of w[i, k] x[k] for i < n; rows of w lie w_step apart.
struct Dots { const float *w; int64_t w_step, n, k; const float *x, *bias; float* y; bool add; };

struct TileTable {
  static constexpr int most_rows = 8;
  static constexpr int shapes = 3;                           // half a SIMD batch (where that computes faster), one, two
  int width[shapes];                                         // floats
  int rows[shapes];                                          // the most of a tile
  void (*tile[shapes][most_rows + 1])(const Tile&);          // [shape][rows]
  int shape(int64_t columns) const {                         // the narrowest that holds all columns, or the widest
    int i = 0;
    while (i + 1 < shapes && width[i] < columns) ++i;
    return i;
  }
  void (*dots)(const Dots&);
};
namespace v2 { extern const TileTable tiles; }
namespace v3 { extern const TileTable tiles; }
namespace v4 { extern const TileTable tiles; }

}  // namespace mica
