#pragma once
#include "mica/tests/emulator/warp.h"
// The matrix instructions of mica/cuda/arch/mma.h, lane by lane, as the PTX ISA lays them out.
namespace mica::emulator {

// Reports an address that ldmatrix does not take, and ends the block.
void expect_matrix_row(const void* row, const char* name, const Place& where);

inline float tf32_value(uint32_t bits) { return __builtin_bit_cast(float, bits & 0xffffe000u); }
inline uint32_t to_tf32(float x) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, x);
  return (bits & 0x7f800000u) == 0x7f800000u ? bits : (bits + 0x1000u) & 0xffffe000u;
}

struct MatrixOperands { const uint32_t *a, *b; };
// Element (row, k) of a, (k, column) of b; T float: tf32.
template <class T> MICA_UNWATCHED float matrix_a(int row, int k) {
  const auto lane_of = [row](int t) MICA_UNWATCHED { return row % 8 * 4 + t; };
  if constexpr (std::is_same_v<T, float>) {
    const auto* operands = static_cast<const MatrixOperands*>(lane_pointer(lane_of(k % 4)));
    return tf32_value(operands->a[row / 8 + k / 4 * 2]);
  } else {
    const auto* operands = static_cast<const MatrixOperands*>(lane_pointer(lane_of(k % 8 / 2)));
    T pair[2];
    __builtin_memcpy(static_cast<void*>(pair), operands->a + row / 8 + k / 8 * 2, 4);
    return float(pair[k % 2]);
  }
}
template <class T> MICA_UNWATCHED float matrix_b(int k, int column) {
  if constexpr (std::is_same_v<T, float>) {
    const auto* operands = static_cast<const MatrixOperands*>(lane_pointer(column * 4 + k % 4));
    return tf32_value(operands->b[k / 4]);
  } else {
    const auto* operands = static_cast<const MatrixOperands*>(lane_pointer(column * 4 + k % 8 / 2));
    T pair[2];
    __builtin_memcpy(static_cast<void*>(pair), operands->b + k / 8, 4);
    return float(pair[k % 2]);
  }
}

// d += a b, 16 x 8 x K; products are summed in double and rounded once.
template <int K, class T> MICA_UNWATCHED void mma(float (&d)[4], const uint32_t* a, const uint32_t* b, const char* name, const Place& where) {
  const MatrixOperands mine{a, b};
  set_lane_pointer(&mine);
  meet(~0u, Collective::exchange, name, where);
  for (int i = 0; i < 4; ++i) {
    const int row = lane() / 4 + i / 2 * 8, column = lane() % 4 * 2 + i % 2;
    double sum = double(d[i]);
    for (int k = 0; k < K; ++k) sum += double(matrix_a<T>(row, k)) * double(matrix_b<T>(k, column));
    d[i] = float(sum);
  }
  meet(~0u, Collective::exchange, name, where);  // nobody changes its registers while others read them
}

// n matrices of 8 x 8 16-bit numbers, whose rows' addresses lanes 0 to 8 n - 1 give.
template <class Registers> __forceinline__ void load_matrices(Registers& r, int n, bool transposed, const void* row, const char* name, const Place& where) {
  if (lane() < 8 * n) expect_matrix_row(row, name, where);
  set_lane_pointer(row);
  meet(~0u, Collective::exchange, name, where);
  const int g = lane() / 4, t = lane() % 4;
  for (int i = 0; i < n; ++i) {
    uint32_t pair = 0;
    for (int j = 0; j < 2; ++j) {
      const auto* from = static_cast<const uint16_t*>(lane_pointer(i * 8 + (transposed ? 2 * t + j : g)));
      pair |= uint32_t(from[transposed ? g : 2 * t + j]) << (16 * j);
    }
    r[i] = pair;
  }
  meet(~0u, Collective::exchange, name, where);
}

}  // namespace mica::emulator
