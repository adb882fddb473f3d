#include "mica/cpu/gemm.h"
#include <vector>
#include "mica/core/op.h"
#include "mica/cpu/isa.h"
#include "mica/cpu/onednn.h"
#include "mica/cpu/parallel.h"
#include "mica/cpu/tiled.h"

namespace mica {
namespace {
template <class T> using Sum = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;  // integers wrap around

// What c starts from: nothing, the bias, or itself.
template <class T> void start(T* c, const Matrix& cs, const T* bias) {
  for (int64_t i = 0; i < cs.rows; ++i) {
    T* y = c + i * cs.row;
    if (bias && cs.column == 1) std::copy_n(bias, cs.columns, y);
    else for (int64_t j = 0; j < cs.columns; ++j) y[j * cs.column] = bias ? bias[j] : T(0);
  }
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

bool dense_rows(const Matrix& m) { return (m.column == 1 || m.columns == 1) && (m.row >= m.columns || m.rows == 1); }

// An operand as BLAS takes it: row-major, or transposed, with a leading dimension.
struct Operand {
  bool possible, transposed;
  int64_t leading;
  explicit Operand(const Matrix& m) : possible(dense_rows(m) || dense_rows(m.transposed())), transposed(!dense_rows(m)) {
    const Matrix d = transposed ? m.transposed() : m;
    leading = d.rows == 1 ? d.columns : d.row;
  }
};

// a of a tiled product: rows in place where they are dense, otherwise copied block by block.
struct MatrixRows {
  const float* a;
  Matrix m;
  bool in_place;
  void addresses(int64_t begin, int64_t end, const Terms& terms, float* room, const float** table, int64_t) const {
    for (int64_t i = begin; i < end; ++i) table[i - begin] = in_place ? a + i * m.row : room + (i - begin) * terms.length - terms.offset;
    if (!in_place) pack(a + begin * m.row + terms.offset * m.column, m.row, m.column, end - begin, int(terms.length), int(terms.length), room);
  }
};
void tiled(const float* a, const Matrix& as, const float* b, const Matrix& bs, float* c, const Matrix& cs, const float* bias, bool add) {
  const bool in_place = as.column == 1 || as.columns == 1;
  product({cs.rows, cs.columns, 1, as.columns, in_place ? 0 : std::min(as.columns, block_terms)}, MatrixRows{a, as, in_place},
          Panels{[b](int64_t) { return b; }, bs.row, bs.column}, c, cs.row, bias, add);
}

// One row or column as result: dot products with the rows of a matrix, which are memory-bound, so that nothing is copied.
bool dots(const float* w, const Matrix& ws, const float* x, int64_t x_step, float* y, int64_t y_step, const float* bias, bool add) {
  if (ws.column != 1 || (x_step != 1 && ws.columns > 1) || (y_step != 1 && ws.rows > 1)) return false;
  parallel_for(ws.rows, std::max<int64_t>(1, weight_grain / ws.columns), [&](int64_t begin, int64_t end) {
    tiles().dots({w + begin * ws.row, ws.row, end - begin, ws.columns, x, bias ? bias + begin : nullptr, y + begin, add});
  });
  return true;
}
constexpr int64_t most_packed = int64_t(4) << 20;  // elements of b that are copied at once
void fast(const float* a, const Matrix& as, const float* b, const Matrix& bs, float* c, const Matrix& cs, const float* bias, bool add) {
  if (!dense_rows(cs)) {
    if (dense_rows(cs.transposed()) && !bias) return fast(b, bs.transposed(), a, as.transposed(), c, cs.transposed(), nullptr, add);
    std::vector<float> dense(size_t(cs.rows * cs.columns));
    fast(a, as, b, bs, dense.data(), Matrix::dense(cs.rows, cs.columns), bias, false);
    for (int64_t i = 0; i < cs.rows; ++i)
      for (int64_t j = 0; j < cs.columns; ++j) {
        float& y = c[i * cs.row + j * cs.column];
        y = (add ? y : 0.0f) + dense[size_t(i * cs.columns + j)];
      }
    return;
  }
  if (cs.rows == 1 && dots(b, bs.transposed(), a, as.column, c, 1, bias, add)) return;
  if (cs.columns == 1 && !bias && dots(a, as, b, bs.row, c, cs.rows == 1 ? 1 : cs.row, nullptr, add)) return;
  if (as.columns == 1 && bs.column == 1) {  // an outer product: bound by the memory it writes
    return parallel_for(cs.rows, std::max<int64_t>(1, weight_grain / cs.columns), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const float v = a[i * as.row];
        float* y = c + i * cs.row;
        if (add) for (int64_t j = 0; j < cs.columns; ++j) y[j] += v * b[j];
        else if (bias) for (int64_t j = 0; j < cs.columns; ++j) y[j] = bias[j] + v * b[j];
        else for (int64_t j = 0; j < cs.columns; ++j) y[j] = v * b[j];
      }
    });
  }
  const Operand x(as), y(bs);
  // oneDNN 2.6 reads b (and a transposed a) in place, which loses 30 to 50 % where rows a power of two apart fall on the same cache lines.
  const bool conflicts = isa() != Isa::v4 && ((!y.transposed && y.leading % 512 == 0) || (x.transposed && x.leading % 512 == 0));
  if (!x.possible || !y.possible || (conflicts && cs.rows >= 48 && bs.rows * bs.columns <= most_packed)) return tiled(a, as, b, bs, c, cs, bias, add);
  if (bias && !add) { start(c, cs, bias); add = true; }
  onednn::sgemm(x.transposed, y.transposed, cs.rows, cs.columns, as.columns, a, x.leading, b, y.leading, add ? 1.0f : 0.0f, c, cs.rows == 1 ? cs.columns : cs.row);
}
}  // namespace

template <class T> void gemm(const T* a, const Matrix& as, const T* b, const Matrix& bs, T* c, const Matrix& cs, const T* bias, bool add) {
  if (cs.rows == 0 || cs.columns == 0) return;
  if constexpr (std::is_same_v<T, float>) {
    if (as.columns > 0) fast(a, as, b, bs, c, cs, bias, add);
    else if (!add) start(c, cs, bias);
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
  if (last < 0) return std::nullopt;
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
