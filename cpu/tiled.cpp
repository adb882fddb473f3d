#include "mica/cpu/tiled.h"
#include "mica/cpu/isa.h"

namespace mica {

const TileTable& tiles() { static const TileTable& t = pick(v2::tiles, v3::tiles, v4::tiles); return t; }

namespace {
using Four = float __attribute__((vector_size(16), aligned(4)));
// to[k * width + j] = from[k + j * step] for 4 k and 4 j.
void transpose4(const float* from, int64_t step, float* to, int64_t width) {
  auto row = [&](int j) { return *reinterpret_cast<const Four*>(from + j * step); };
  const Four a = row(0), b = row(1), c = row(2), d = row(3);
  const Four ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Four cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  *reinterpret_cast<Four*>(to) = __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5);
  *reinterpret_cast<Four*>(to + width) = __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
  *reinterpret_cast<Four*>(to + 2 * width) = __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5);
  *reinterpret_cast<Four*>(to + 3 * width) = __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
}
}  // namespace

void pack(const float* from, int64_t row, int64_t column, int64_t n, int columns, int width, float* to) {
  if (column == 1) {
    for (int64_t k = 0; k < n; ++k) {
      std::copy_n(from + k * row, columns, to + k * width);
      std::fill(to + k * width + columns, to + (k + 1) * width, 0.0f);
    }
    return;
  }
  int64_t j = 0;
  if (row == 1)
    for (; j + 4 <= columns; j += 4) {
      int64_t k = 0;
      for (; k + 4 <= n; k += 4) transpose4(from + k + j * column, column, to + k * width + j, width);
      for (; k < n; ++k) for (int l = 0; l < 4; ++l) to[k * width + j + l] = from[k + (j + l) * column];
    }
  for (int64_t k = 0; k < n; ++k) {
    for (int64_t l = j; l < columns; ++l) to[k * width + l] = from[k * row + l * column];
    std::fill(to + k * width + columns, to + (k + 1) * width, 0.0f);
  }
}

}  // namespace mica
