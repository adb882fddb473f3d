#include "mica/cuda/pointwise.h"
#include "mica/core/kernels.h"

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
}  // namespace

void pointwise_kernel(const Cuda& on, int formula, const void* options, std::span<const Tensor* const> x, const Tensor& y) {
  if (y.size() == 0 || pointwise_packed(on, formula, options, x, y)) return;
  bool is_double = y.dtype() == f64, any_float = is_float(y.dtype());
  for (const Tensor* t : x) { is_double |= t->dtype() == f64; any_float |= is_float(t->dtype()); }
  const Launch kernel = is_double ? launch_of<double>(Formulas{}, formula) : any_float ? launch_of<float>(Formulas{}, formula) : launch_of<int64_t>(Formulas{}, formula);
  if (!kernel) throw Error("needs a float dtype");
  kernel(on, options, x, y);
}

}  // namespace mica
