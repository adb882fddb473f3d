#include "mica/cuda/pointwise.h"
#include <algorithm>
#include "mica/core/kernels.h"
#include "mica/cuda/choice.h"
#include "mica/cuda/cudnn_pointwise.h"
#include "mica/cuda/cudnn_table.h"

namespace mica {
namespace {
template <int n> struct AnyOperands {
  void* y;
  DType y_dtype;
  const void* x[n];
  DType dtype[n];
};

// One thread computes one element, of tensors of any dtypes and strides, in T. (arity + 1) sizeof(T) bytes per element where they have one dtype,
// 1 to 20 operations per element. Deterministic.
template <class F, class T> __global__ void pointwise_any_kernel(F f, Places<F::arity + 1> places, AnyOperands<F::arity> o) {
  const int64_t i = thread_number();
  if (i >= places.count) return;
  int64_t at[F::arity + 1];
  places(i, at);
  T x[F::arity];
  for (int k = 0; k < F::arity; ++k) x[k] = load<T>(o.x[k], o.dtype[k], at[k + 1]);
  T y;
  if constexpr (F::arity == 1) y = f(x[0]);
  else if constexpr (F::arity == 2) y = f(x[0], x[1]);
  else y = f(x[0], x[1], x[2]);
  store(o.y, o.y_dtype, at[0], y);
}

using Launch = void (*)(const Cuda&, const void* options, std::span<const Tensor* const> x, const Tensor& y);
template <class F, class T> void launch_any(const Cuda& on, const void* options, std::span<const Tensor* const> x, const Tensor& y) {
  AnyOperands<F::arity> o{address(y), y.dtype(), {}, {}};
  const Tensor* all[F::arity + 1] = {&y};
  for (int k = 0; k < F::arity; ++k) { all[k + 1] = x[k]; o.x[k] = address(*x[k]); o.dtype[k] = x[k]->dtype(); }
  const Dims d(all);
  launch(on, {blocks_for(d.count), block_threads}, pointwise_any_kernel<F, T>, *static_cast<const F*>(options), Places<F::arity + 1>(d), o);
}
template <class F> constexpr Launch integer_launch() {
  if constexpr (F::integers) return &launch_any<F, int64_t>; else return nullptr;
}
template <class T, class... F> Launch launch_of(FormulaList<F...>, int formula) {
  if constexpr (std::is_same_v<T, int64_t>) { static constexpr Launch kernels[] = {integer_launch<F>()...}; return kernels[formula]; }
  else { static constexpr Launch kernels[] = {&launch_any<F, T>...}; return kernels[formula]; }
}

// The activations that cuDNN has too, with their gradients as far as they need y alone.
struct Activation { int formula; CudnnActivationKind kind; bool gradient; };
constexpr Activation activations[] = {
    {formula_index<Value<op::Relu>>, CudnnActivationKind::relu, false},       {formula_index<GradientA<op::Relu>>, CudnnActivationKind::relu, true},
    {formula_index<Value<op::Sigmoid>>, CudnnActivationKind::sigmoid, false}, {formula_index<GradientA<op::Sigmoid>>, CudnnActivationKind::sigmoid, true},
    {formula_index<Value<op::Tanh>>, CudnnActivationKind::tanh, false},       {formula_index<GradientA<op::Tanh>>, CudnnActivationKind::tanh, true},
    {formula_index<Value<op::Elu>>, CudnnActivationKind::elu, false}};
bool activation(const Cuda& on, int formula, const void* options, std::span<const Tensor* const> x, const Tensor& y) {
  const Activation* const a = std::find_if(std::begin(activations), std::end(activations), [&](const Activation& each) { return each.formula == formula; });
  if (a == std::end(activations) || !is_float(y.dtype()) || !has_cudnn()) return false;
  for (const Tensor* t : x) if (t->dtype() != y.dtype() || !one_row(*t, y) || address(*t) == address(y)) return false;  // in place: not twice, to be measured
  const double alpha = a->kind == CudnnActivationKind::elu ? static_cast<const Value<op::Elu>*>(options)->f.alpha : 1;
  own_or_library(on, {"activation", {int64_t(y.dtype()), formula, y.size()}}, "cudnn", true, [&] { pointwise_packed(on, formula, options, x, y); }, [&] {
    if (!a->gradient) return cudnn_activation_forward(on, a->kind, y.dtype(), y.size(), address(*x[0]), address(y), alpha);
    return cudnn_activation_backward(on, a->kind, y.dtype(), y.size(), address(*x[0]), address(*x[0]), address(*x[1]), address(y), alpha);
  });
  return true;
}
}  // namespace

void pointwise_kernel(const Cuda& on, int formula, const void* options, std::span<const Tensor* const> x, const Tensor& y) {
  if (y.size() == 0 || activation(on, formula, options, x, y) || pointwise_packed(on, formula, options, x, y)) return;
  bool is_double = y.dtype() == f64, any_float = is_float(y.dtype());
  for (const Tensor* t : x) { is_double |= t->dtype() == f64; any_float |= is_float(t->dtype()); }
  const Launch kernel = is_double ? launch_of<double>(Formulas{}, formula) : any_float ? launch_of<float>(Formulas{}, formula) : launch_of<int64_t>(Formulas{}, formula);
  if (!kernel) throw Error("needs a float dtype");
  kernel(on, options, x, y);
}

}  // namespace mica
