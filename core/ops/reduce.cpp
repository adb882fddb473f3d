#include "mica/core/ops/reduce.h"
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/core/ops/formulas.h"
#include "mica/core/ops/view.h"

namespace mica {
namespace {
// The dimensions that go, one bit each.
unsigned mask_of(const Shape& x, const Shape& dims) {
  if (dims.rank() == 0) return (1u << x.rank()) - 1;
  unsigned mask = 0;
  for (int64_t dim : dims) {
    const int d = x.rank() == 0 && (dim == 0 || dim == -1) ? 0 : dim_of(x, int(dim));
    if (mask & 1u << d) throw Error("dims " + to_string(dims) + " name dimension " + std::to_string(d) + " twice");
    mask |= 1u << d;
  }
  return mask;
}
// x's shape with those dimensions at 1, or without them.
Shape reduced(const Shape& x, const Shape& dims, bool keepdim) {
  const unsigned mask = mask_of(x, dims);
  Shape y;
  for (int i = 0; i < x.rank(); ++i) {
    if (!(mask & 1u << i)) y.push_back(x[i]);
    else if (keepdim) y.push_back(1);
  }
  return y;
}
int64_t reduced_count(const Tensor& x, const Shape& dims) {
  const unsigned mask = mask_of(x.shape(), dims);
  int64_t n = 1;
  for (int i = 0; i < x.rank(); ++i) if (mask & 1u << i) n *= x.shape()[i];
  return n;
}
// y with the dimensions that went, at size 1.
Tensor kept(const Tensor& y, const Shape& x, const Shape& dims) {
  if (y.rank() == x.rank()) return y;
  const unsigned mask = mask_of(x, dims);
  Shape shape, strides;
  for (int i = 0, k = 0; i < x.rank(); ++i) {
    const bool gone = mask & 1u << i;
    shape.push_back(gone ? 1 : y.shape()[k]);
    strides.push_back(gone ? 0 : y.strides()[k]);
    if (!gone) ++k;
  }
  return alias(y, shape, strides, y.body().offset);
}
void need_float(const Tensor& x) {
  if (!is_float(x.dtype())) throw Error(std::string("x is ") + name_of(x.dtype()) + "; cast it to a float dtype");
}
Tensor widened(const Tensor& x) { return is_half(x.dtype()) ? cast(x, f32) : x; }

template <Fold kind> struct ExtremeOp {
  Reduce over;
  static constexpr auto name = kind == Fold::max ? "max" : "min";
  static constexpr Args<1> inputs{{{"x", strided | saved}}}, outputs{{{"y", strided | saved}}};
  Spec out(const Tensor& x) const {
    const Shape y = reduced(x.shape(), over.dims, over.keepdim);
    if (x.size() == 0 && y.count() != 0) throw Error(std::string("there is no ") + name + " of no elements");
    return {y, x.dtype()};
  }
  void forward(const auto& on, const Tensor& x, Tensor& y) const { fold_kernel(on, kind, 0, x, kept(y, x.shape(), over.dims)); }
  void backward(const auto& on, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const {
    const Tensor best = kept(y, x.shape(), over.dims), ey = expand_alias(best, x.shape()), same = empty_like(x, x.dtype() == f64 ? f64 : f32);
    pointwise_kernel(on, SameValue{}, {&x, &ey}, same);
    const Tensor share = empty(best.shape(), {same.dtype(), x.device()}), small = kept(dy, x.shape(), over.dims);
    sum_kernel(on, same, share);
    pointwise_kernel(on, Value<op::Divide>{}, {&small, &share}, share);
    const Tensor each = expand_alias(share, x.shape());
    pointwise_kernel(on, PassSame{}, {&x, &ey, &each}, dx);
  }
};
template <Fold kind> struct ArgExtremeOp {
  int dim;
  static constexpr auto name = kind == Fold::argmax ? "argmax" : "argmin";
  static constexpr Args<1> inputs{{{"x", strided | no_gradient}}}, outputs{{{"y", strided}}};
  Spec out(const Tensor& x) const {
    const Shape y = reduced(x.shape(), {dim}, false);
    if (x.size() == 0 && y.count() != 0) throw Error(std::string("there is no ") + name + " of no elements");
    return {y, i64};
  }
  void forward(const auto& on, const Tensor& x, Tensor& y) const { fold_kernel(on, kind, 0, x, kept(y, x.shape(), {dim})); }
};
}  // namespace

namespace op {
Spec Sum::out(const Tensor& x) const {
  return {reduced(x.shape(), over.dims, over.keepdim), dtype ? *dtype : is_float(x.dtype()) ? x.dtype() : i64};
}
void Sum::forward(const auto& on, const Tensor& x, Tensor& y) const { sum_kernel(on, x, kept(y, x.shape(), over.dims)); }
void Sum::backward(const auto& on, const Tensor& x, const Tensor&, const Tensor& dy, Tensor& dx) const {
  Tensor small = dy;
  if (dy.dtype() != x.dtype()) copy_kernel(on, dy, small = empty_like(dy, x.dtype()));
  dx = expand_alias(kept(small, x.shape(), over.dims), x.shape());
}
Spec Norm::out(const Tensor& x) const {
  need_float(x);
  if (!(p > 0)) throw Error("p is " + std::to_string(p) + "; it must be above 0");
  return {reduced(x.shape(), dims, keepdim), x.dtype()};
}
void Norm::forward(const auto& on, const Tensor& x, Tensor& y) const { fold_kernel(on, Fold::norm, p, x, kept(y, x.shape(), dims)); }
void Norm::backward(const auto& on, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const {
  const Tensor ey = expand_alias(kept(y, x.shape(), dims), x.shape()), edy = expand_alias(kept(dy, x.shape(), dims), x.shape());
  pointwise_kernel(on, NormGradient{p}, {&x, &ey, &edy}, dx);
}
}  // namespace op

Tensor sum(const Tensor& x, Reduce over) { return apply(op::Sum{over}, x); }
Tensor mean(const Tensor& x, Reduce over) {
  if (x && !is_float(x.dtype())) throw Error(std::string("mean: x is ") + name_of(x.dtype()) + "; cast it to a float dtype\n  x: " + describe(x));
  const Tensor total = apply(op::Sum{over, x && is_half(x.dtype()) ? std::optional(f32) : std::nullopt}, x);
  return cast(total / double(reduced_count(x, over.dims)), x.dtype());
}
Tensor var(const Tensor& x, VarOptions o) {
  if (x && !is_float(x.dtype())) throw Error(std::string("var: x is ") + name_of(x.dtype()) + "; cast it to a float dtype\n  x: " + describe(x));
  const Tensor wide = widened(x);
  // The mean needs no gradient: the deviations add up to 0.
  const Tensor deviation = wide - mean(wide.detach(), {o.dims, true});
  const double degrees = double(reduced_count(x, o.dims)) - o.correction;
  return cast(sum(square(deviation), {o.dims, o.keepdim}) / std::max(0.0, degrees), x.dtype());
}
Tensor std_dev(const Tensor& x, VarOptions options) {
  if (x && is_half(x.dtype())) return cast(sqrt(var(cast(x, f32), options)), x.dtype());
  return sqrt(var(x, options));
}
Tensor max(const Tensor& x, Reduce over) { return apply(ExtremeOp<Fold::max>{over}, x); }
Tensor min(const Tensor& x, Reduce over) { return apply(ExtremeOp<Fold::min>{over}, x); }
Tensor argmax(const Tensor& x, int dim) { return apply(ArgExtremeOp<Fold::argmax>{dim}, x); }
Tensor argmin(const Tensor& x, int dim) { return apply(ArgExtremeOp<Fold::argmin>{dim}, x); }
Tensor norm(const Tensor& x, op::Norm options) {
  const Reduce over{options.dims, options.keepdim};
  if (x && is_float(x.dtype()) && std::isinf(options.p) && options.p > 0) return max(abs(x), over);
  if (x && is_half(x.dtype())) return cast(apply(options, cast(x, f32)), x.dtype());  // the gradient divides by y: not by a rounded one
  return apply(options, x);
}
Tensor any(const Tensor& x, Reduce over) { return sum(x != 0, over) > 0; }
Tensor all(const Tensor& x, Reduce over) { return sum(x == 0, over) == 0; }
Tensor logsumexp(const Tensor& x, Reduce over) {
  if (x && !is_float(x.dtype())) throw Error(std::string("logsumexp: x is ") + name_of(x.dtype()) + "; cast it to a float dtype\n  x: " + describe(x));
  const Tensor wide = widened(x);
  if (x.size() == 0) return cast(log(sum(exp(wide), over)), x.dtype());
  Tensor largest = max(wide.detach(), {over.dims, true});
  largest = where(abs(largest) == HUGE_VAL, full({}, 0, {largest.dtype(), x.device()}), largest);  // inf - inf is NaN
  const Tensor y = log(sum(exp(wide - largest), {over.dims, true})) + largest;
  return cast(reshape(y, reduced(x.shape(), over.dims, over.keepdim)), x.dtype());
}

}  // namespace mica
