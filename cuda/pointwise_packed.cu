#include "mica/cuda/pointwise.h"
#include "mica/core/kernels.h"

namespace mica {
namespace {
template <class T, int n> struct Operands { const T* x[n]; };

// One thread computes 16 bytes of neighbours, loaded and stored at once; the last thread the rest, one by one. (arity + 1) sizeof(T) bytes per
// element, 1 to 20 operations per element. Deterministic.
template <class F, class T> __global__ void pointwise_packed_kernel(F f, int64_t n, bool vectors, Operands<T, F::arity> in, T* y) {
  constexpr int width = per_16_bytes<T>;
  const int64_t i = thread_number() * width;
  const auto one = [&]<int... k>(std::integer_sequence<int, k...>, auto&&... x) { return narrow<T>(f(wide(x)...)); };
  const auto all = std::make_integer_sequence<int, F::arity>();
  if (vectors && i + width <= n) {
    Pack<T, width> x[F::arity], out;
    for (int k = 0; k < F::arity; ++k) x[k] = *reinterpret_cast<const Pack<T, width>*>(in.x[k] + i);
#pragma unroll
    for (int j = 0; j < width; ++j) {
      if constexpr (F::arity == 1) out.v[j] = one(all, x[0].v[j]);
      else if constexpr (F::arity == 2) out.v[j] = one(all, x[0].v[j], x[1].v[j]);
      else out.v[j] = one(all, x[0].v[j], x[1].v[j], x[2].v[j]);
    }
    *reinterpret_cast<Pack<T, width>*>(y + i) = out;
    return;
  }
  for (int64_t j = i; j < n && j < i + width; ++j) {
    if constexpr (F::arity == 1) y[j] = one(all, in.x[0][j]);
    else if constexpr (F::arity == 2) y[j] = one(all, in.x[0][j], in.x[1][j]);
    else y[j] = one(all, in.x[0][j], in.x[1][j], in.x[2][j]);
  }
}

template <class T> using Launch = void (*)(const Cuda&, const void* options, std::span<const Tensor* const> x, const Tensor& y);
template <class F, class T> void launch_packed(const Cuda& on, const void* options, std::span<const Tensor* const> x, const Tensor& y) {
  Operands<T, F::arity> in;
  bool vectors = aligned_16(output<T>(y));
  for (int k = 0; k < F::arity; ++k) { in.x[k] = output<T>(*x[k]); vectors &= aligned_16(in.x[k]); }
  launch(on, {blocks_for(y.size(), block_threads * per_16_bytes<T>), block_threads}, pointwise_packed_kernel<F, T>, *static_cast<const F*>(options), y.size(), vectors, in,
         output<T>(y));
}
template <class T, class... F> void launch_formula(FormulaList<F...>, const Cuda& on, int formula, const void* options, std::span<const Tensor* const> x, const Tensor& y) {
  static constexpr Launch<T> kernels[] = {&launch_packed<F, T>...};
  kernels[formula](on, options, x, y);
}
}  // namespace

bool pointwise_packed(const Cuda& on, int formula, const void* options, std::span<const Tensor* const> x, const Tensor& y) {
  if (!is_float(y.dtype())) return false;
  for (const Tensor* t : x) if (t->dtype() != y.dtype() || !one_row(*t, y)) return false;
  dispatch_float(y.dtype(), [&]<class T>(T) { launch_formula<T>(Formulas{}, on, formula, options, x, y); });
  return true;
}

}  // namespace mica
