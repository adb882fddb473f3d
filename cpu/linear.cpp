#include "mica/core/ops/linear.h"
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/core/ops/contiguous.h"
#include "mica/cpu/gemm.h"
#include "mica/cpu/onednn.h"

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
// c = a b + bias where all of it is bf16 (c may be f32) and oneDNN has the kernel; false otherwise.
bool fast_bf16(const Tensor& a, std::optional<Matrix> as, const Tensor& b, std::optional<Matrix> bs, const Tensor& bias, const Tensor& c) {
  const auto cs = rows_of(c);
  if (a.dtype() != bf16 || b.dtype() != bf16 || (c.dtype() != bf16 && c.dtype() != f32) || !as || !bs || !cs) return false;
  void* const y = c.dtype() == bf16 ? static_cast<void*>(output<bfloat16>(c)) : output<float>(c);
  return onednn::gemm_bf16(a.data<bfloat16>(), *as, b.data<bfloat16>(), *bs, bias ? bias.data<float>() : nullptr, y, c.dtype(), *cs);
}
std::optional<Matrix> transposed(std::optional<Matrix> m) { return m ? m->transposed() : m; }

template <class F> void in_compute_type(DType t, F&& f) { if (t == f64) f(double{}); else f(float{}); }
}  // namespace

void op::Linear::forward(const Cpu&, const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) const {
  const Tensor b = bias ? contiguous(as_float(bias)) : bias;
  if (fast_bf16(x, rows_of(x), weight, transposed(rows_of(weight)), b, y)) return;
  const Rows in = rows(as_float(x));
  const Tensor w = as_float(weight);
  into_rows(y, [&](const Tensor& y, const Matrix& ys) {
    in_compute_type(y.dtype(), [&]<class T>(T) {
      gemm<T>(in.tensor.data<T>(), in.matrix, w.data<T>(), rows_of(w)->transposed(), output<T>(y), ys, b ? b.data<T>() : nullptr);
    });
  });
}

void op::Linear::backward(const Cpu&, const Tensor& x, const Tensor& weight, const Tensor&, const Tensor&, const Tensor& dy, Tensor& dx,
                          Tensor& dweight, Tensor& dbias) const {
  if (dx && !fast_bf16(dy, rows_of(dy), weight, rows_of(weight), {}, dx)) {
    const Rows dout = rows(as_float(dy));
    const Tensor w = as_float(weight);
    into_rows(dx, [&](const Tensor& dx, const Matrix& dxs) {
      in_compute_type(dx.dtype(), [&]<class T>(T) { gemm<T>(dout.tensor.data<T>(), dout.matrix, w.data<T>(), *rows_of(w), output<T>(dx), dxs); });
    });
  }
  if (dweight && !fast_bf16(dy, transposed(rows_of(dy)), x, rows_of(x), {}, dweight)) {
    const Rows dout = rows(as_float(dy)), in = rows(as_float(x));
    through_float(dweight, [&](const Tensor& dw) {
      in_compute_type(dw.dtype(), [&]<class T>(T) {
        gemm<T>(dout.tensor.data<T>(), dout.matrix.transposed(), in.tensor.data<T>(), in.matrix, output<T>(dw), *rows_of(dw));
      });
    });
  }
  if (dbias) sum_into(dbias, dy);
}

}  // namespace mica
