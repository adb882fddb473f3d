#include "mica/core/ops/linear.h"
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/core/ops/contiguous.h"
#include "mica/cpu/gemm.h"

namespace mica {
namespace {
struct Rows { Tensor tensor; Matrix matrix; };
Rows rows(const Tensor& x) {  // copied where dimensions before the last do not follow each other
  if (const auto m = rows_of(x)) return {x, *m};
  const Tensor dense = contiguous(x.detach());
  return {dense, *rows_of(dense)};
}
// f(t, its rows) fills y, or a dense tensor in its place.
template <class F> void into_rows(Tensor& y, F&& f) {
  through_float(y, [&](Tensor& t) {
    if (const auto m = rows_of(t)) return void(f(t, *m));
    const Tensor dense = empty(t.shape(), {t.dtype()});
    f(dense, *rows_of(dense));
    copy_kernel(Cpu{}, dense, t);
  });
}
template <class F> void in_compute_type(DType t, F&& f) { if (t == f64) f(double{}); else f(float{}); }
}  // namespace

void op::Linear::forward(const Cpu&, const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) const {
  const Rows in = rows(as_float(x));
  const Tensor w = as_float(weight), b = bias ? contiguous(as_float(bias)) : bias;
  into_rows(y, [&](const Tensor& y, const Matrix& ys) {
    in_compute_type(y.dtype(), [&]<class T>(T) {
      gemm<T>(in.tensor.data<T>(), in.matrix, w.data<T>(), rows_of(w)->transposed(), output<T>(y), ys, b ? b.data<T>() : nullptr);
    });
  });
}

void op::Linear::backward(const Cpu&, const Tensor& x, const Tensor& weight, const Tensor&, const Tensor&, const Tensor& dy, Tensor& dx,
                          Tensor& dweight, Tensor& dbias) const {
  const Rows dout = rows(as_float(dy));
  if (dx) {
    const Tensor w = as_float(weight);
    into_rows(dx, [&](const Tensor& dx, const Matrix& dxs) {
      in_compute_type(dx.dtype(), [&]<class T>(T) { gemm<T>(dout.tensor.data<T>(), dout.matrix, w.data<T>(), *rows_of(w), output<T>(dx), dxs); });
    });
  }
  if (dweight) {
    const Rows in = rows(as_float(x));
    through_float(dweight, [&](const Tensor& dw) {
      in_compute_type(dw.dtype(), [&]<class T>(T) {
        gemm<T>(dout.tensor.data<T>(), dout.matrix.transposed(), in.tensor.data<T>(), in.matrix, output<T>(dw), *rows_of(dw));
      });
    });
  }
  if (dbias) sum_into(dbias, dy);
}

}  // namespace mica
