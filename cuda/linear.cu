#include "mica/core/ops/linear.h"
#include "mica/core/kernels.h"
#include "mica/cuda/product_choice.h"
#include "mica/cuda/strided.h"

namespace mica {
namespace {
// The rows of x and y, [..., columns] each, walked together in the order of y: the innermost dimension, and those around it.
struct Rows {
  Dims dims;
  Rows(const Tensor& y, const Tensor& x) : dims(dims_of(rows(y), rows(x))) {}
  static Tensor rows(const Tensor& t) {
    Shape shape = t.shape(), strides = t.strides();
    shape.erase(shape.rank() - 1);
    strides.erase(strides.rank() - 1);
    return alias(t, shape, strides, t.body().offset);
  }
  int outer() const { return std::max(0, dims.rank - 1); }
  int64_t count() const { return dims.rank ? dims.size[dims.rank - 1] : 1; }
  int64_t step(int tensor) const { return dims.rank ? dims.stride[tensor][dims.rank - 1] : 0; }
};
// y = x w (+ bias), w: [columns of x, columns of y] with these strides.
void rows_times(const Cuda& on, const Tensor& y, const Tensor& x, const Tensor& w, int64_t w_row, int64_t w_column, const Tensor& bias = {}) {
  const Rows rows(y, x);
  Gemm g{.type = x.dtype(), .c_type = y.dtype(), .m = rows.count(), .n = y.shape()[-1], .k = x.shape()[-1], .a = address(x), .a_row = rows.step(1),
         .a_column = x.strides()[-1], .b = address(w), .b_row = w_row, .b_column = w_column, .c = address(y), .c_row = rows.step(0), .c_column = y.strides()[-1]};
  if (bias) { g.bias = address(bias); g.bias_type = bias.dtype(); }
  for (int i = 0; i < rows.outer(); ++i) g.batch.add(rows.dims.size[i], rows.dims.stride[0][i], rows.dims.stride[1][i], 0);
  chosen_product(on, "linear", g);
}
}  // namespace

void op::Linear::forward(const Cuda& on, const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) const {
  if (y.size() > 0) rows_times(on, y, x, weight, weight.strides()[1], weight.strides()[0], bias);
}

void op::Linear::backward(const Cuda& on, const Tensor& x, const Tensor& weight, const Tensor&, const Tensor&, const Tensor& dy, Tensor& dx,
                          Tensor& dweight, Tensor& dbias) const {
  if (dx && dx.size() > 0) rows_times(on, dx, dy, weight, weight.strides()[0], weight.strides()[1]);
  if (dweight && dweight.size() > 0) {
    if (dy.size() == 0) {
      fill_kernel(on, 0, dweight);
    } else {
      const Rows rows(dy, x);
      Gemm g{.type = dy.dtype(), .c_type = dweight.dtype(), .m = dweight.shape()[0], .n = dweight.shape()[1], .k = rows.count(), .a = address(dy),
             .a_row = dy.strides()[-1], .a_column = rows.step(0), .b = address(x), .b_row = rows.step(1), .b_column = x.strides()[-1], .c = address(dweight),
             .c_row = dweight.strides()[0], .c_column = dweight.strides()[1]};
      for (int i = 0; i < rows.outer(); ++i) g.sum.add(rows.dims.size[i], rows.dims.stride[0][i], rows.dims.stride[1][i]);
      chosen_product(on, "linear", g);
    }
  }
  if (dbias) sum_into(dbias, dy);
}

}  // namespace mica
