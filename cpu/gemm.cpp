#include "mica/cpu/gemm.h"
#include <vector>
#include "mica/core/op.h"
#include "mica/cpu/onednn.h"
#include "mica/cpu/parallel.h"

namespace mica {
namespace {
template <class T> using Sum = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;  // integers wrap around

// What c starts from: nothing, the bias, or itself.
template <class T> void start(T* c, const Matrix& cs, const T* bias) {
  for (int64_t i = 0; i < cs.rows; ++i)
    for (int64_t j = 0; j < cs.columns; ++j) c[i * cs.row + j * cs.column] = bias ? bias[j] : T(0);
}

template <class T> void plain(const T* a, const Matrix& as, const T* b, const Matrix& bs, T* c, const Matrix& cs, const T* bias, bool add) {
  parallel_for(cs.rows, std::max<int64_t>(1, pointwise_grain / std::max<int64_t>(1, cs.columns * as.columns)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t j = 0; j < cs.columns; ++j) {
        T& y = c[i * cs.row + j * cs.column];
        Sum<T> sum = add ? Sum<T>(y) : bias ? Sum<T>(bias[j]) : Sum<T>(0);
        for (int64_t k = 0; k < as.columns; ++k) sum += Sum<T>(a[i * as.row + k * as.column]) * Sum<T>(b[k * bs.row + j * bs.column]);
        y = T(sum);
      }
  });
}

// An operand as BLAS takes it: row-major, or transposed, with a leading dimension. Copied where neither a row nor a column is dense.
struct Operand {
  const float* data;
  bool transposed = false;
  int64_t leading = 0;
  std::vector<float> copy;
  static bool row_major(const Matrix& m) { return (m.column == 1 || m.columns == 1) && (m.row >= m.columns || m.rows == 1); }
  static int64_t step(const Matrix& m) { return m.rows == 1 ? m.columns : m.row; }
  Operand(const float* p, const Matrix& m) : data(p) {
    if (row_major(m)) leading = step(m);
    else if (row_major(m.transposed())) { transposed = true; leading = step(m.transposed()); }
    else {
      copy.resize(size_t(m.rows * m.columns));
      for (int64_t i = 0; i < m.rows; ++i) for (int64_t j = 0; j < m.columns; ++j) copy[size_t(i * m.columns + j)] = p[i * m.row + j * m.column];
      data = copy.data();
      leading = m.columns;
    }
  }
};

void fast(const float* a, const Matrix& as, const float* b, const Matrix& bs, float* c, const Matrix& cs, bool add) {
  if (!Operand::row_major(cs)) {
    if (Operand::row_major(cs.transposed())) return fast(b, bs.transposed(), a, as.transposed(), c, cs.transposed(), add);
    std::vector<float> dense(size_t(cs.rows * cs.columns));
    fast(a, as, b, bs, dense.data(), Matrix::dense(cs.rows, cs.columns), false);
    for (int64_t i = 0; i < cs.rows; ++i)
      for (int64_t j = 0; j < cs.columns; ++j) {
        float& y = c[i * cs.row + j * cs.column];
        y = (add ? y : 0.0f) + dense[size_t(i * cs.columns + j)];
      }
    return;
  }
  const Operand x(a, as), y(b, bs);
  onednn::sgemm(x.transposed, y.transposed, cs.rows, cs.columns, as.columns, x.data, x.leading, y.data, y.leading, add ? 1.0f : 0.0f, c, Operand::step(cs));
}
}  // namespace

template <class T> void gemm(const T* a, const Matrix& as, const T* b, const Matrix& bs, T* c, const Matrix& cs, const T* bias, bool add) {
  if (cs.rows == 0 || cs.columns == 0) return;
  if constexpr (std::is_same_v<T, float>) {
    if (!add && (bias || as.columns == 0)) start(c, cs, bias);
    if (as.columns > 0) fast(a, as, b, bs, c, cs, add || bias);
  } else {
    plain(a, as, b, bs, c, cs, bias, add);
  }
}
template void gemm(const double*, const Matrix&, const double*, const Matrix&, double*, const Matrix&, const double*, bool);
template void gemm(const float*, const Matrix&, const float*, const Matrix&, float*, const Matrix&, const float*, bool);
template void gemm(const int64_t*, const Matrix&, const int64_t*, const Matrix&, int64_t*, const Matrix&, const int64_t*, bool);
template void gemm(const int32_t*, const Matrix&, const int32_t*, const Matrix&, int32_t*, const Matrix&, const int32_t*, bool);
template void gemm(const uint8_t*, const Matrix&, const uint8_t*, const Matrix&, uint8_t*, const Matrix&, const uint8_t*, bool);

std::optional<Matrix> rows_of(const Tensor& x) {
  const Shape& shape = x.shape();
  const int last = x.rank() - 1;
  Matrix m{1, shape[last], 0, x.strides()[last]};
  for (int i = last; i-- > 0;) {
    if (shape[i] == 0) return Matrix{0, m.columns, m.columns, 1};
    if (shape[i] == 1) continue;
    if (m.rows == 1) m.row = x.strides()[i];
    else if (x.strides()[i] != m.row * m.rows) return std::nullopt;
    m.rows *= shape[i];
  }
  if (m.rows == 1) m.row = m.columns;
  return m;
}

Tensor as_float(const Tensor& x) {
  if (!x || !is_half(x.dtype())) return x;
  Tensor y = empty_like(x, f32);
  copy_kernel(Cpu{}, x, y);
  return y;
}

}  // namespace mica
