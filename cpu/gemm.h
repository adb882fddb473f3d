#pragma once
#include <cstdint>
#include <optional>
#include "mica/core/kernels.h"
// The matrix product under matmul, linear and convolutions of one pixel.
namespace mica {

// Where the elements of a matrix lie: (i, j) at data[i * row + j * column].
struct Matrix {
  int64_t rows, columns, row, column;
  static Matrix dense(int64_t rows, int64_t columns) { return {rows, columns, columns, 1}; }
  Matrix transposed() const { return {columns, rows, column, row}; }
};

// c = a b + bias, a number per column of c; bias may be null. With `add` the product is added to what c holds, and there is no bias.
// double and integers: the plainest loop. float: oneDNN and our own kernels; operands of any strides, no copies where a row or column is dense.
template <class T> void gemm(const T* a, const Matrix& as, const T* b, const Matrix& bs, T* c, const Matrix& cs, const T* bias = nullptr, bool add = false);

// The rows of x, [..., columns], as one matrix; nothing where x's strides do not allow it.
std::optional<Matrix> rows_of(const Tensor& x);

// 16-bit operands are converted: kernels run on float tensors, and their results are rounded back.
Tensor as_float(const Tensor& x);                         // x itself if it is not 16-bit, or undefined
template <class F> void through_float(Tensor& y, F&& f) {  // f fills a tensor in y's place
  if (!y) return;
  if (!is_half(y.dtype())) return void(f(y));
  Tensor t = empty_like(y, f32);
  f(t);
  copy_kernel(Cpu{}, t, y);
}

}  // namespace mica
