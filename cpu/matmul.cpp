#include "mica/core/ops/matmul.h"
#include "mica/core/kernel_shapes_internal.h"
#include "mica/cpu/gemm.h"
#include "mica/cpu/onednn.h"
#include "mica/cpu/parallel.h"

namespace mica {
namespace {
// A stack of matrices: batch dimensions as in y, with strides of 0 where the operand is broadcast, and the matrix they step through.
struct Stack {
  Matrix matrix;
  Strides step;
  bool broadcast = false;
  // a has its matrix in the last two dimensions; `a_row`: a single dimension is a row, else a column.
  Stack(const Tensor& a, bool row, const Shape& batch) {
    const int rank = a.rank(), dims = std::max(0, rank - 2);
    const Shape &n = a.shape(), &s = a.strides();
    if (rank == 1) matrix = row ? Matrix{1, n[0], n[0], s[0]} : Matrix{n[0], 1, s[0], 1};
    else matrix = {n[-2], n[-1], s[-2], s[-1]};
    for (int i = 0; i < batch.rank(); ++i) {
      const int d = i - (batch.rank() - dims);
      const bool repeated = d < 0 || (n[d] == 1 && batch[i] != 1);
      broadcast |= repeated && batch[i] != 1;
      step.push_back(repeated ? 0 : s[d]);
    }
  }
  int64_t offset(const Shape& batch, int64_t index, bool* first = nullptr) const {
    int64_t at = 0;
    for (int i = batch.rank(); i-- > 0; index /= batch[i]) {
      at += index % batch[i] * step[i];
      if (first && step[i] == 0 && index % batch[i] != 0) *first = false;
    }
    return at;
  }
};
// Batches that lie behind each other become more rows, where the other operand is one matrix: one product in place of many.
void merge(Shape& batch, Stack& a, Stack& b, Stack& c) {
  while (batch.rank() > 0) {
    const int last = batch.rank() - 1;
    auto follows = [&](const Stack& s) { return s.matrix.rows == 1 || s.step[last] == s.matrix.rows * s.matrix.row; };
    if (b.step[last] != 0 || batch[last] < 2 || !follows(a) || !follows(c) || (a.matrix.rows == 1 && a.step[last] == 0)) return;
    for (Stack* s : {&a, &c}) {
      if (s->matrix.rows == 1) s->matrix.row = s->step[last];
      s->matrix.rows *= batch[last];
      s->step.erase(last);
    }
    b.step.erase(last);
    batch.erase(last);
  }
}
// c = a b for every batch; where c is broadcast (it is a gradient) the products are summed into it.
template <class T> void products(Shape batch, Stack a, Stack b, Stack c, const T* pa, const T* pb, T* pc) {
  merge(batch, a, b, c);
  const int64_t count = batch.count(), work = std::max<int64_t>(1, c.matrix.rows * c.matrix.columns * a.matrix.columns);
  auto span = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      bool first = true;
      T* y = pc + c.offset(batch, i, &first);
      gemm<T>(pa + a.offset(batch, i), a.matrix, pb + b.offset(batch, i), b.matrix, y, c.matrix, nullptr, !first);
    }
  };
  if (c.broadcast || work > 8 * pointwise_grain) span(0, count); else parallel_for(count, std::max<int64_t>(1, 8 * pointwise_grain / work), span);
}
// The same by oneDNN's bf16 kernel; false, and nothing done, where it does not take the operands, or products are summed into c.
bool products_bf16(Shape batch, Stack a, Stack b, Stack c, const Tensor& ta, const Tensor& tb, const Tensor& tc) {
  if (ta.dtype() != bf16 || tb.dtype() != bf16 || tc.dtype() != bf16 || c.broadcast) return false;
  merge(batch, a, b, c);
  const auto *pa = ta.data<bfloat16>(), *pb = tb.data<bfloat16>();
  auto* pc = output<bfloat16>(tc);
  auto one = [&](int64_t i) { return onednn::gemm_bf16(pa + a.offset(batch, i), a.matrix, pb + b.offset(batch, i), b.matrix, nullptr, pc + c.offset(batch, i), bf16, c.matrix); };
  if (batch.count() == 0 || !one(0)) return false;  // the answer is the same for all
  const int64_t work = std::max<int64_t>(1, c.matrix.rows * c.matrix.columns * a.matrix.columns);
  auto span = [&](int64_t begin, int64_t end) { for (int64_t i = begin + 1; i < end + 1; ++i) one(i); };
  if (work > 8 * pointwise_grain) span(0, batch.count() - 1); else parallel_for(batch.count() - 1, std::max<int64_t>(1, 8 * pointwise_grain / work), span);
  return true;
}
template <class F> void with_numbers(DType t, F&& f) {
  dispatch(t, [&]<class T>(T v) {
    if constexpr (std::is_same_v<T, Compute<T>> && !std::is_same_v<T, bool>) f(v);
  });
}
}  // namespace

void op::Matmul::forward(const Cpu&, const Tensor& a, const Tensor& b, Tensor& y) const {
  const Shape batch = matmul_batch(y, a, b);
  if (products_bf16(batch, Stack(a, true, batch), Stack(b, false, batch), Stack(matmul_result(y, a, b), true, batch), a, b, y)) return;
  const Tensor fa = as_float(a), fb = as_float(b);
  through_float(y, [&](const Tensor& y) {
    with_numbers(y.dtype(), [&]<class T>(T) {
      products<T>(batch, Stack(fa, true, batch), Stack(fb, false, batch), Stack(matmul_result(y, a, b), true, batch), fa.data<T>(), fb.data<T>(), output<T>(y));
    });
  });
}

void op::Matmul::backward(const Cpu& on, const Tensor& a, const Tensor& b, const Tensor&, const Tensor& dy, Tensor& da, Tensor& db) const {
  const Shape batch = matmul_batch(dy, a, b);
  auto transposed = [](Stack s) { s.matrix = s.matrix.transposed(); return s; };
  const Stack rows(matmul_result(dy, a, b), true, batch);
  const bool has_a = da && products_bf16(batch, rows, transposed(Stack(b, false, batch)), Stack(da, true, batch), dy, b, da);
  const bool has_b = db && products_bf16(batch, transposed(Stack(a, true, batch)), rows, Stack(db, false, batch), a, dy, db);
  if ((!da || has_a) && (!db || has_b)) return;
  const Tensor fa = as_float(a), fb = as_float(b), fy = as_float(dy);
  auto gradient = [&](Tensor& dx, auto&& f) {
    through_float(dx, [&](const Tensor& dx) {
      if (dy.size() == 0) fill_kernel(on, 0, dx);  // no batch adds to it
      else with_numbers(dx.dtype(), [&]<class T>(T v) { f(v, dx); });
    });
  };
  const Stack sy(matmul_result(fy, a, b), true, batch);
  if (!has_a) gradient(da, [&]<class T>(T, const Tensor& da) {
    products<T>(batch, sy, transposed(Stack(fb, false, batch)), Stack(da, true, batch), fy.data<T>(), fb.data<T>(), output<T>(da));
  });
  if (!has_b) gradient(db, [&]<class T>(T, const Tensor& db) {
    products<T>(batch, transposed(Stack(fa, true, batch)), sy, Stack(db, false, batch), fa.data<T>(), fy.data<T>(), output<T>(db));
  });
}

}  // namespace mica
