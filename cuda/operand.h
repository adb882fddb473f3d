#pragma once
#include "mica/cuda/strided.h"
// Operands of tiled products, as their kernels see them: matrices that say where a row and a column lie, and which element is a zero (at() is -1).
namespace mica::products {

// A matrix in memory: element (r, c) at places(r) + c * step.
template <class T> struct Dense {
  using Element = T;
  using Row = int64_t;
  using Column = int64_t;
  const T* data;
  int64_t rows, columns;
  Places<1> places;
  int64_t step;
  bool vectors;  // 16 bytes of a row at a time: they are neighbours and aligned

  __device__ Row row(int64_t r) const {
    if (r >= rows) return -1;
    int64_t offset;
    if (places.rank == 1) offset = r * places.stride[0][0]; else places(r, &offset);
    return offset;
  }
  __device__ Column column(int64_t c) const { return c < columns ? c * step : -1; }
  __device__ int64_t at(Row r, Column c) const { return (r | c) < 0 ? -1 : r + c; }
};

// The patches of a channels-last image batch under the taps of a kernel, as rows; nobody stores this matrix. Row (n, i, j), column (k, l, c):
// x[n, i * stride_h + start_h + k * step_h, j * stride_w + start_w + l * step_w, c], or 0 outside the image. Fewer than 2^31 rows.
template <class T> struct Patches {
  using Element = T;
  struct Row { int64_t image; int h, w; };
  struct Column { int64_t channel; int h, w; };
  const T* data;
  int64_t rows, columns, channels;        // channels: from one pixel to the next
  int h, w, start_h, start_w, stride_h, stride_w, step_h, step_w;
  Divider per_image, per_line, per_tap, taps_w;  // rows of an image, of a line of it; channels of a tap, taps of a line
  bool vectors;

  __device__ Row row(int64_t r) const {
    if (r >= rows) return {-1, 0, 0};
    const uint32_t n = per_image(uint32_t(r)), pixel = uint32_t(r) - n * per_image.divisor, i = per_line(pixel), j = pixel - i * per_line.divisor;
    return {int64_t(n) * h * w * channels, int(i) * stride_h + start_h, int(j) * stride_w + start_w};
  }
  __device__ Column column(int64_t c) const {
    if (c >= columns) return {-1, 0, 0};
    const uint32_t tap = per_tap(uint32_t(c)), channel = uint32_t(c) - tap * per_tap.divisor, k = taps_w(tap), l = tap - k * taps_w.divisor;
    return {channel, int(k) * step_h, int(l) * step_w};
  }
  __device__ int64_t at(const Row& r, const Column& c) const {
    const int i = r.h + c.h, j = r.w + c.w;
    if (r.image < 0 || c.channel < 0 || unsigned(i) >= unsigned(h) || unsigned(j) >= unsigned(w)) return -1;
    return r.image + (int64_t(i) * w + j) * channels + c.channel;
  }
};

// A thread's share of a tile of `outer` (rows of a, columns of b) x `depth` (what is summed over), in vectors of 16 bytes along the operand's rows.
// deep: the operand's columns are what is summed over; otherwise its rows are.
template <class M, bool deep, int outer, int depth, int threads> struct TileLoad {
  using T = typename M::Element;
  static constexpr int width = per_16_bytes<T>, per_row = (deep ? depth : outer) / width, count = outer * depth / width / threads, rows_apart = threads / per_row;
  static_assert(count * threads * width == outer * depth && rows_apart * per_row == threads);
  int first_row, first_column;
  typename M::Row fixed[deep ? count : 1];
  Pack<T, width> value[count];

  __device__ __forceinline__ TileLoad(const M& m, int64_t outer0) : first_row(int(threadIdx.x) / per_row), first_column(int(threadIdx.x) % per_row * width) {
    if constexpr (deep)
#pragma unroll
      for (int i = 0; i < count; ++i) fixed[i] = m.row(outer0 + first_row + i * rows_apart);
  }
  // Takes the tile that begins at (outer0, depth0); offset: of the matrix in its batch, in elements.
  __device__ __forceinline__ void load(const M& m, int64_t offset, int64_t outer0, int64_t depth0) {
    const T* const data = m.data + offset;
    const int64_t column0 = (deep ? depth0 : outer0) + first_column;
    const bool whole = m.vectors && column0 + width <= m.columns;
    const typename M::Column column = m.column(column0);
#pragma unroll
    for (int i = 0; i < count; ++i) {
      typename M::Row row;
      if constexpr (deep) row = fixed[i]; else row = m.row(depth0 + first_row + i * rows_apart);
      value[i] = {};
      if (whole) {
        const int64_t at = m.at(row, column);
        if (at >= 0) value[i] = *reinterpret_cast<const Pack<T, width>*>(data + at);
      } else {
#pragma unroll
        for (int e = 0; e < width; ++e) {
          const int64_t at = m.at(row, m.column(column0 + e));
          if (at >= 0) value[i].v[e] = data[at];
        }
      }
    }
  }
  // Into shared memory in the order of the operand, `step` elements from one row to the next.
  __device__ __forceinline__ void store(T* tile, int step) const {
#pragma unroll
    for (int i = 0; i < count; ++i) *reinterpret_cast<Pack<T, width>*>(tile + (first_row + i * rows_apart) * step + first_column) = value[i];
  }
  // With what is summed over outermost, in the type of the sums.
  __device__ __forceinline__ void store_deep(Compute<T>* tile, int step) const {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const int r = first_row + i * rows_apart;
      if constexpr (deep) {
#pragma unroll
        for (int e = 0; e < width; ++e) tile[(first_column + e) * step + r] = wide(value[i].v[e]);
      } else {
        Pack<Compute<T>, width> wider;
#pragma unroll
        for (int e = 0; e < width; ++e) wider.v[e] = wide(value[i].v[e]);
        *reinterpret_cast<Pack<Compute<T>, width>*>(tile + r * step + first_column) = wider;
      }
    }
  }
};

}  // namespace mica::products
