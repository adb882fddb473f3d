#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/core/ops/formulas.h"

namespace mica {
namespace {
// PyTorch's result_type: a 0-d tensor does not raise the dtype of one with dimensions within its category.
DType result_type(const Tensor& a, const Tensor& b) {
  const DType x = a.dtype(), y = b.dtype();
  if ((a.rank() == 0) == (b.rank() == 0)) return promote(x, y);
  const DType dims = a.rank() ? x : y, zero = a.rank() ? y : x;
  auto category = [](DType t) { return is_float(t) ? 2 : t == boolean ? 0 : 1; };
  return category(zero) > category(dims) ? (is_float(zero) ? promote(zero, dims) : zero) : dims;
}
// y's strides: those of the first packed operand that is not broadcast.
std::optional<Strides> strides_like(const Shape& shape, std::initializer_list<const Tensor*> x) {
  for (const Tensor* t : x) if (t->shape() == shape && !t->is_contiguous() && is_packed(t->shape(), t->strides())) return t->strides();
    else if (t->shape() == shape && t->is_contiguous()) return std::nullopt;
  return std::nullopt;
}

// x itself where it has the shape, else a broadcast alias.
struct Expanded {
  Tensor alias;
  const Tensor* get;
  Expanded(const Tensor& x, const Shape& shape) : get(&x) { if (!(x.shape() == shape)) { alias = expand_alias(x, shape); get = &alias; } }
};

// The gradient of a broadcast operand: `make` writes it in y's shape, and it is summed to the operand's. dx has x's metadata only.
template <class Make> void gradient(const Tensor& dy, Tensor& dx, Make&& make) {
  if (!dx) return;
  if (dx.shape() == dy.shape()) {
    dx = empty_like(dx);
    make(dx);
  } else {
    const Tensor whole = empty_like(dy, is_half(dy.dtype()) ? f32 : dy.dtype());  // rounded once, after the sum
    make(whole);
    dx = empty_like(dx);
    sum_into(dx, whole);
  }
}

template <class F> struct UnaryOp {
  F f;
  static constexpr auto name = F::name;
  static constexpr bool differentiable = reads_x<F> || reads_y<F>;
  static constexpr Args<1> inputs{{{"x", strided | (reads_x<F> ? unsigned(saved) : 0u) | (differentiable ? 0u : unsigned(no_gradient))}}};
  static constexpr Args<1> outputs{{{"y", strided | (reads_y<F> ? unsigned(saved) : 0u)}}};
  Spec out(const Tensor& x) const {
    const DType result = gives_bool<F> ? boolean : is_float(x.dtype()) ? x.dtype() : keeps_integers<F> ? x.dtype() : f32;
    return {x.shape(), result, packed_like(x)};
  }
  void forward(const auto& on, const Tensor& x, Tensor& y) const { pointwise_kernel(on, Value<F>{f}, {&x}, y); }
  void backward(const auto& on, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const requires differentiable {
    pointwise_kernel(on, GradientA<F>{f}, {reads_x<F> ? &x : &y, &dy}, dx);
  }
};

template <class F> struct BinaryOp {
  F f;
  static constexpr auto name = F::name;
  static constexpr bool differentiable = reads_nothing<F> || reads_operands<F>;
  static constexpr unsigned flags = strided | binds | (reads_operands<F> ? unsigned(saved) : 0u) | (differentiable ? 0u : unsigned(no_gradient));
  static constexpr Args<2> inputs{{{"a", flags}, {"b", flags}}};
  static constexpr Args<1> outputs{{{"y", strided}}};
  Spec out(const Tensor& a, const Tensor& b) const {
    DType result = result_type(a, b);
    if (gives_bool<F>) result = boolean;
    else if (!keeps_integers<F> && !is_float(result)) result = f32;
    Shape shape = broadcast(a.shape(), b.shape());
    return {shape, result, strides_like(shape, {&a, &b})};
  }
  void forward(const auto& on, const Tensor& a, const Tensor& b, Tensor& y) const {
    const Expanded ea(a, y.shape()), eb(b, y.shape());
    pointwise_kernel(on, Value<F>{f}, {ea.get, eb.get}, y);
  }
  void backward(const auto& on, const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& dy, Tensor& da, Tensor& db) const requires differentiable {
    if constexpr (reads_nothing<F>) {
      pass(on, GradientA<F>{f}, dy, da, true);
      pass(on, GradientB<F>{f}, dy, db, std::is_same_v<F, op::Add>);
    } else {
      const Expanded ea(a, y.shape()), eb(b, y.shape());
      gradient(dy, da, [&](const Tensor& to) { pointwise_kernel(on, GradientA<F>{f}, {ea.get, eb.get, &dy}, to); });
      gradient(dy, db, [&](const Tensor& to) { pointwise_kernel(on, GradientB<F>{f}, {ea.get, eb.get, &dy}, to); });
    }
  }
  // dx = dy where that is all, dx = sum of dy where it is broadcast.
  template <class G> static void pass(const auto& on, const G& g, const Tensor& dy, Tensor& dx, bool same) {
    if (dx && same && dx.shape() == dy.shape() && dx.dtype() == dy.dtype()) { dx = dy; return; }
    if (dx && same && dx.shape() != dy.shape()) { dx = empty_like(dx); sum_into(dx, dy); return; }
    gradient(dy, dx, [&](const Tensor& to) { pointwise_kernel(on, g, {&dy}, to); });
  }
};

struct WhereOp {
  static constexpr auto name = "where";
  static constexpr Args<3> inputs{{{"condition", strided | saved | no_gradient}, {"a", strided | binds}, {"b", strided | binds}}};
  static constexpr Args<1> outputs{{{"y", strided}}};
  Spec out(const Tensor& condition, const Tensor& a, const Tensor& b) const {
    if (is_float(condition.dtype())) throw Error("condition is a float; compare it with something");
    Shape shape = broadcast(condition.shape(), broadcast(a.shape(), b.shape()));
    return {shape, result_type(a, b), strides_like(shape, {&a, &b})};
  }
  void forward(const auto& on, const Tensor& c, const Tensor& a, const Tensor& b, Tensor& y) const {
    const Expanded ec(c, y.shape()), ea(a, y.shape()), eb(b, y.shape());
    pointwise_kernel(on, Where{}, {ec.get, ea.get, eb.get}, y);
  }
  void backward(const auto& on, const Tensor& c, const Tensor&, const Tensor&, const Tensor& y, const Tensor& dy, Tensor&, Tensor& da, Tensor& db) const {
    const Expanded ec(c, y.shape());
    gradient(dy, da, [&](const Tensor& to) { pointwise_kernel(on, WhereTrue{}, {ec.get, &dy}, to); });
    gradient(dy, db, [&](const Tensor& to) { pointwise_kernel(on, WhereFalse{}, {ec.get, &dy}, to); });
  }
};

struct Cast {
  DType dtype;
  static constexpr auto name = "cast";
  static constexpr Args<1> inputs{{{"x", strided}}}, outputs{{{"y", strided}}};
  Spec out(const Tensor& x) const { return {x.shape(), dtype, packed_like(x)}; }
  void forward(const auto& on, const Tensor& x, Tensor& y) const { copy_kernel(on, x, y); }
  void backward(const auto& on, const Tensor&, const Tensor&, const Tensor& dy, Tensor& dx) const { copy_kernel(on, dy, dx); }
};
}  // namespace

template <class F> Tensor unary(const F& f, const Tensor& x) { return apply(UnaryOp<F>{f}, x); }
template <class F> Tensor binary(const F& f, const Tensor& a, const Tensor& b) { return apply(BinaryOp<F>{f}, a, b); }
template <class... F> constexpr auto unary_instances(OpList<F...>) { return std::tuple{&unary<F>...}; }
template <class... F> constexpr auto binary_instances(OpList<F...>) { return std::tuple{&binary<F>...}; }
[[gnu::used]] extern const auto unary_ops = unary_instances(UnaryOps{});  // their addresses make the compiler emit them
[[gnu::used]] extern const auto binary_ops = binary_instances(BinaryOps{});

Tensor beside(Scalar value, const Tensor& x) {
  DType t = x.dtype();
  if (value.dtype() == f32 && !is_float(t)) t = f32;
  else if (value.dtype() == i64 && t == boolean) t = i64;
  return full({}, value, {t, x.device()});
}
Tensor pow(const Tensor& x, Scalar exponent) {
  const double e = exponent.real();
  if (e == 2) return square(x);
  if (is_float(x.dtype())) {
    if (e == 1) return x;
    if (e == 0.5) return sqrt(x);
    if (e == -0.5) return rsqrt(x);
    if (e == -1) return reciprocal(x);
  }
  return pow(x, beside(exponent, x));
}
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) { return apply(WhereOp{}, condition, a, b); }
Tensor cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  if (is_float(x.dtype()) && !is_float(dtype)) return apply(Cast{dtype}, x.detach());
  return apply(Cast{dtype}, x);
}

}  // namespace mica
