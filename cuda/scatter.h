#pragma once
#include "mica/core/around_internal.h"
#include "mica/cuda/strided.h"
namespace mica {

// y[o, rows[i]] += values[o, i] for i < n, in the order of i, in y around [outer, size, inner]; a row of `size` or more is left out. rows: device memory. Sums of
// 16-bit floats are kept in float. Deterministic. y has values' dtype, or is f32 beside 16-bit values. Throws Error for 2^32 rows and more.
void add_rows(const Cuda& on, const Tensor& values, const uint32_t* rows, int64_t n, const Around& around, const Tensor& y);
// Throws Error unless n can be counted in 32 bits, with one number left over.
void check_32_bits(int64_t n);

}  // namespace mica
