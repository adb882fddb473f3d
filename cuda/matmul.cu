#include "mica/core/ops/matmul.h"
#include "mica/core/kernel_shapes_internal.h"
#include "mica/core/kernels.h"
#include "mica/cuda/product_choice.h"

namespace mica {
namespace {
// A stack of matrices: where its elements lie, and strides over the batch dimensions of y, 0 where the operand is broadcast.
struct Stack {
  void* data;
  int64_t rows, columns, row, column;
  Strides step;
  // x has its matrix in the last two dimensions; of one dimension it is a row or a column.
  Stack(const Tensor& x, bool is_row, const Shape& batch) : data(address(x)) {
    const Shape &n = x.shape(), &s = x.strides();
    if (x.rank() > 1) { rows = n[-2]; columns = n[-1]; row = s[-2]; column = s[-1]; }
    else if (is_row) { rows = 1; columns = n[0]; row = n[0]; column = s[0]; }
    else { rows = n[0]; columns = 1; row = s[0]; column = 1; }
    for (int i = 0; i < batch.rank(); ++i) {
      const int d = i - batch.rank() + std::max(0, x.rank() - 2);
      step.push_back(d < 0 || n[d] == 1 ? 0 : s[d]);
    }
  }
  Stack transposed() const {
    Stack t = *this;
    std::swap(t.rows, t.columns);
    std::swap(t.row, t.column);
    return t;
  }
};
// c = a b for every batch, or the sum of the products over the dimensions in which c is broadcast.
void products(const Cuda& on, DType type, const Shape& batch, const Stack& a, const Stack& b, const Stack& c) {
  Gemm g{.type = type, .c_type = type, .m = c.rows, .n = c.columns, .k = a.columns, .a = a.data, .a_row = a.row, .a_column = a.column, .b = b.data, .b_row = b.row,
         .b_column = b.column, .c = c.data, .c_row = c.row, .c_column = c.column};
  struct Step { int64_t size, c, a, b; };
  Step kept[Shape::max_rank], summed[Shape::max_rank];
  int n_kept = 0, n_summed = 0;
  for (int i = 0; i < batch.rank(); ++i) {
    if (batch[i] == 1) continue;
    const Step s{batch[i], c.step[i], a.step[i], b.step[i]};
    if (s.c == 0) summed[n_summed++] = s; else kept[n_kept++] = s;
  }
  // Matrices that lie behind each other are one: with more rows, or a deeper product.
  for (; n_kept > 0; --n_kept) {
    const Step& s = kept[n_kept - 1];
    if (g.m == 1 && s.b == 0) { g.a_row = s.a; g.c_row = s.c; }
    else if (s.b != 0 || s.a != g.m * g.a_row || s.c != g.m * g.c_row) break;
    g.m *= s.size;
  }
  for (; n_summed > 0; --n_summed) {
    const Step& s = summed[n_summed - 1];
    if (g.k == 1) { g.a_column = s.a; g.b_row = s.b; }
    else if (s.a != g.k * g.a_column || s.b != g.k * g.b_row) break;
    g.k *= s.size;
  }
  for (int i = 0; i < n_kept; ++i) g.batch.add(kept[i].size, kept[i].c, kept[i].a, kept[i].b);
  for (int i = 0; i < n_summed; ++i) g.sum.add(summed[i].size, summed[i].a, summed[i].b);
  chosen_product(on, "matmul", g);
}
}  // namespace

void op::Matmul::forward(const Cuda& on, const Tensor& a, const Tensor& b, Tensor& y) const {
  if (y.size() == 0) return;
  const Shape batch = matmul_batch(y, a, b);
  products(on, y.dtype(), batch, Stack(a, true, batch), Stack(b, false, batch), Stack(matmul_result(y, a, b), true, batch));
}

void op::Matmul::backward(const Cuda& on, const Tensor& a, const Tensor& b, const Tensor&, const Tensor& dy, Tensor& da, Tensor& db) const {
  if (dy.size() == 0) {  // no batch adds to them
    for (const Tensor* dx : {&da, &db}) if (*dx) fill_kernel(on, 0, *dx);
    return;
  }
  const Shape batch = matmul_batch(dy, a, b);
  const Stack rows(matmul_result(dy, a, b), true, batch);
  if (da) products(on, dy.dtype(), batch, rows, Stack(b, false, batch).transposed(), Stack(da, true, batch));
  if (db) products(on, dy.dtype(), batch, Stack(a, true, batch).transposed(), rows, Stack(db, false, batch));
}

}  // namespace mica
