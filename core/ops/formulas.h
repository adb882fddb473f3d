#pragma once
#include <type_traits>
#include <utility>
#include "mica/core/ops/pointwise.h"
// The kernels that the ops of pointwise.h need: one formula for each result and each gradient, of 1 to 3 equal-shaped operands. Both backends
// build a kernel of every formula in the list; the core names a kernel by its place there.
namespace mica {

template <class F> constexpr bool is_unary = requires(F f, double v) { f.y(v); };
template <class F> constexpr bool reads_x = requires(F f, double v) { f.dx_from_x(v, v); };
template <class F> constexpr bool reads_y = requires(F f, double v) { f.dx_from_y(v, v); };
template <class F> constexpr bool reads_nothing = requires(F f, double v) { f.da(v); };
template <class F> constexpr bool reads_operands = requires(F f, double v) { f.da(v, v, v); };
template <class F> constexpr bool keeps_integers = requires { F::integers; };
template <class F> constexpr bool gives_bool = requires { F::boolean_result; };

// The result; the gradients by the first and the second operand. Each is its op's options, no more.
template <class F> struct Value {
  F f;
  static constexpr int arity = is_unary<F> ? 1 : 2;
  static constexpr bool integers = keeps_integers<F>;
  template <class... T> MICA_FORMULA auto operator()(T... x) const { return f.y(x...); }
};
template <class F> struct GradientA {
  F f;
  static constexpr int arity = is_unary<F> ? 2 : reads_nothing<F> ? 1 : 3;  // (saved, dy), (dy) or (a, b, dy)
  static constexpr bool integers = false;
  template <class... T> MICA_FORMULA auto operator()(T... v) const {
    if constexpr (reads_x<F>) return f.dx_from_x(v...);
    else if constexpr (reads_y<F>) return f.dx_from_y(v...);
    else return f.da(v...);
  }
};
template <class F> struct GradientB {
  F f;
  static constexpr int arity = reads_nothing<F> ? 1 : 3;
  static constexpr bool integers = false;
  template <class... T> MICA_FORMULA auto operator()(T... v) const { return f.db(v...); }
};
struct Where {  // and its gradients: what passes where the condition is true, and where it is not
  static constexpr int arity = 3;
  static constexpr bool integers = true;
  template <class T> MICA_FORMULA T operator()(T condition, T a, T b) const { return math::select(condition == T(0), b, a); }
};
struct WhereTrue {
  static constexpr int arity = 2;
  static constexpr bool integers = true;
  template <class T> MICA_FORMULA T operator()(T condition, T dy) const { return math::select(condition == T(0), T(0), dy); }
};
struct WhereFalse {
  static constexpr int arity = 2;
  static constexpr bool integers = true;
  template <class T> MICA_FORMULA T operator()(T condition, T dy) const { return math::select(condition == T(0), dy, T(0)); }
};

struct SameValue {  // 1 where x is y, NaN being NaN
  static constexpr int arity = 2;
  static constexpr bool integers = false;
  template <class T> MICA_FORMULA T operator()(T x, T y) const { return math::select(x == y, T(1), math::select(x == x, T(0), math::select(y == y, T(0), T(1)))); }
};
struct PassSame {  // dy where x is y, 0 elsewhere: the gradient of a maximum
  static constexpr int arity = 3;
  static constexpr bool integers = false;
  template <class T> MICA_FORMULA T operator()(T x, T y, T dy) const { return math::select(SameValue{}(x, y) == T(0), T(0), dy); }
};
struct NormGradient {  // of y = (sum |x|^p)^(1/p): dy sign(x) (|x| / y)^(p - 1); 0 where y or x is 0
  double p;
  static constexpr int arity = 3;
  static constexpr bool integers = false;
  template <class T> MICA_FORMULA T operator()(T x, T y, T dy) const {
    const T ratio = math::select(y == T(0), T(0), x / math::select(y == T(0), T(1), y));
    if (p == 2) return dy * ratio;
    const T size = math::select(ratio == T(0), T(1), math::abs(ratio));
    return dy * math::select(ratio > T(0), T(1), math::select(ratio < T(0), T(-1), ratio)) * math::pow(size, T(p - 1));
  }
};

template <class... F> struct FormulaList { static constexpr int size = sizeof...(F); };
namespace detail {
template <class F> auto formulas_of() {
  if constexpr (is_unary<F> && (reads_x<F> || reads_y<F>)) return FormulaList<Value<F>, GradientA<F>>{};
  else if constexpr (reads_nothing<F> || reads_operands<F>) return FormulaList<Value<F>, GradientA<F>, GradientB<F>>{};
  else return FormulaList<Value<F>>{};
}
template <class... L> struct Joined;  // recursive: nvcc does not find an operator for a fold expression here
template <class... A> struct Joined<FormulaList<A...>> { using type = FormulaList<A...>; };
template <class... A, class... B, class... L> struct Joined<FormulaList<A...>, FormulaList<B...>, L...> : Joined<FormulaList<A..., B...>, L...> {};
template <class L, class O> struct WithOps;
template <class L, class... G> struct WithOps<L, OpList<G...>> : Joined<L, decltype(formulas_of<G>())...> {};
}  // namespace detail
using Formulas = detail::WithOps<detail::WithOps<FormulaList<Where, WhereTrue, WhereFalse, SameValue, PassSame, NormGradient>, UnaryOps>::type, BinaryOps>::type;

template <class F, class... G> constexpr int index_in(FormulaList<G...>) {
  int i = 0, at = -1;
  ((std::is_same_v<F, G> ? void(at = i) : void(), ++i), ...);
  return at;
}
template <class F> constexpr int formula_index = index_in<F>(Formulas{});

// y = formula(x...), elementwise, over equal-shaped tensors of any strides and dtypes; y may be one of x. Computes in f64 if any tensor is
// f64, in 64-bit integers if none is a float, otherwise in f32.
void pointwise_kernel(const Cpu&, int formula, const void* options, std::span<const Tensor* const> x, const Tensor& y);
void pointwise_kernel(const Cuda&, int formula, const void* options, std::span<const Tensor* const> x, const Tensor& y);
template <class F> void pointwise_kernel(const auto& on, const F& formula, std::initializer_list<const Tensor*> x, const Tensor& y) {
  static_assert(formula_index<F> >= 0, "the formula is not in the list that kernels are built from");
  pointwise_kernel(on, formula_index<F>, &formula, std::span<const Tensor* const>(x.begin(), x.size()), y);
}

}  // namespace mica
