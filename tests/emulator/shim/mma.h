#pragma once
#include "mica/tests/emulator/warp.h"
// <mma.h>: nvcuda::wmma with 16 x 16 x 16 tiles of half or bf16 and sums in float or half. A lane holds 8 elements of a fragment; which ones is
// the emulator's choice, as it is the GPU's. Products are summed in float, in order.
namespace nvcuda::wmma {

struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major;
struct col_major;
enum layout_t { mem_row_major, mem_col_major };

template <class Use, int M, int N, int K, class T, class Layout = void> struct fragment {
  static_assert(M == 16 && N == 16 && K == 16, "the emulator has 16 x 16 x 16 tiles");
  static constexpr int num_elements = 8;
  T x[num_elements];
};

namespace detail {
using mica::emulator::Place;
inline int row(int lane, int element) { return lane / 4 + (element & 2 ? 8 : 0); }
inline int column(int lane, int element) { return lane % 4 * 2 + (element & 1) + (element & 4 ? 8 : 0); }
inline int lane_of(int row, int column) { return row % 8 * 4 + column % 8 / 2; }
inline int element_of(int row, int column) { return (column & 1) | (row >= 8 ? 2 : 0) | (column >= 8 ? 4 : 0); }
template <class T> MICA_UNWATCHED T value_of(int row, int column, bool second) {
  const auto fragments = static_cast<const void* const*>(mica::emulator::lane_pointer(lane_of(row, column)));
  return static_cast<const T*>(fragments[second])[element_of(row, column)];
}
}  // namespace detail

template <class Fragment, class T> void fill_fragment(Fragment& f, T value) {
  for (auto& x : f.x) x = value;
}

template <class Use, class T, class Layout>
__forceinline__ void load_matrix_sync(fragment<Use, 16, 16, 16, T, Layout>& f, const T* p, unsigned step, detail::Place where = detail::Place::current()) {
  __syncwarp(~0u, where);
  for (int i = 0; i < 8; ++i) {
    const int row = detail::row(mica::emulator::lane(), i), column = detail::column(mica::emulator::lane(), i);
    f.x[i] = std::is_same_v<Layout, row_major> ? p[row * step + column] : p[column * step + row];
  }
}

template <class T> __forceinline__ void load_matrix_sync(fragment<accumulator, 16, 16, 16, T>& f, const T* p, unsigned step, layout_t layout,
                                                         detail::Place where = detail::Place::current()) {
  __syncwarp(~0u, where);
  for (int i = 0; i < 8; ++i) {
    const int row = detail::row(mica::emulator::lane(), i), column = detail::column(mica::emulator::lane(), i);
    f.x[i] = layout == mem_row_major ? p[row * step + column] : p[column * step + row];
  }
}

// A GPU's warp does not wait behind the store: whoever reads what other lanes stored needs __syncwarp.
template <class T> __forceinline__ void store_matrix_sync(T* p, const fragment<accumulator, 16, 16, 16, T>& f, unsigned step, layout_t layout,
                                                          detail::Place where = detail::Place::current()) {
  __syncwarp(~0u, where);
  for (int i = 0; i < 8; ++i) {
    const int row = detail::row(mica::emulator::lane(), i), column = detail::column(mica::emulator::lane(), i);
    (layout == mem_row_major ? p[row * step + column] : p[column * step + row]) = f.x[i];
  }
}

template <class D, class A, class LayoutA, class B, class LayoutB, class C>
MICA_UNWATCHED void mma_sync(fragment<accumulator, 16, 16, 16, D>& d, const fragment<matrix_a, 16, 16, 16, A, LayoutA>& a, const fragment<matrix_b, 16, 16, 16, B, LayoutB>& b,
                             const fragment<accumulator, 16, 16, 16, C>& c, detail::Place where = detail::Place::current()) {
  using mica::emulator::Collective;
  const void* fragments[] = {a.x, b.x};
  mica::emulator::set_lane_pointer(fragments);
  mica::emulator::meet(~0u, Collective::exchange, "mma_sync", where);
  float sums[8];
  for (int i = 0; i < 8; ++i) {
    const int row = detail::row(mica::emulator::lane(), i), column = detail::column(mica::emulator::lane(), i);
    sums[i] = float(c.x[i]);
    for (int k = 0; k < 16; ++k) sums[i] += float(detail::value_of<A>(row, k, false)) * float(detail::value_of<B>(k, column, true));
  }
  mica::emulator::meet(~0u, Collective::exchange, "mma_sync", where);  // nobody changes its fragments while others read them
  for (int i = 0; i < 8; ++i) d.x[i] = D(sums[i]);
}

}  // namespace nvcuda::wmma
