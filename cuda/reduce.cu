#include <limits>
#include "mica/core/math.h"
#include "mica/cuda/fold.h"

namespace mica {
namespace {
template <class A> struct Total {  // A: float for 16-bit and f32, double, int64_t
  using Acc = A;
  __device__ Acc start() const { return 0; }
  __device__ void add(Acc& total, auto v, int64_t) const { total += A(v); }
  __device__ void merge(Acc& total, Acc other) const { total += other; }
  __device__ A finish(Acc total) const { return total; }
};

// The largest (or smallest) value and where it is: of equal ones the first, and a NaN before all others.
template <class X, bool largest> struct Extreme {
  struct Acc { X value; int64_t index; };
  __device__ static bool better(X v, X than) { return (largest ? v > than : v < than) || (v != v && than == than); }
  __device__ Acc start() const { return {X(0), -1}; }
  __device__ void add(Acc& best, X v, int64_t index) const { merge(best, {v, index}); }
  __device__ void merge(Acc& best, const Acc& other) const {
    if (other.index < 0) return;
    if (best.index >= 0 && !better(other.value, best.value) && (better(best.value, other.value) || other.index >= best.index)) return;
    best.value = other.value;  // not the whole struct, whose padding nobody has written
    best.index = other.index;
  }
  __device__ X finish(const Acc& best) const { return best.value; }
};
template <class X, bool largest> struct ArgExtreme : Extreme<X, largest> {
  __device__ int64_t finish(const typename Extreme<X, largest>::Acc& best) const { return best.index; }
};

template <class X> struct Power {
  double p;
  using Acc = X;
  __device__ Acc start() const { return 0; }
  __device__ void add(Acc& total, X v, int64_t) const {
    const X a = math::abs(v);
    total += p == 2 ? a * a : p == 1 ? a : math::pow(a, X(p));
  }
  __device__ void merge(Acc& total, Acc other) const { total += other; }
  __device__ X finish(Acc total) const { return p == 2 ? math::sqrt(total) : p == 1 ? total : math::pow(total, X(1 / p)); }
};

template <class X> void fold_as(const Cuda& on, Fold kind, double p, const Tensor& x, const Tensor& y) {
  using C = Compute<X>;
  switch (kind) {
    case Fold::max: return fold<X>(on, Extreme<C, true>{}, x, y);
    case Fold::min: return fold<X>(on, Extreme<C, false>{}, x, y);
    case Fold::argmax: return fold<X>(on, ArgExtreme<C, true>{}, x, y);
    case Fold::argmin: return fold<X>(on, ArgExtreme<C, false>{}, x, y);
    case Fold::norm: if constexpr (std::is_floating_point_v<C>) return fold<X>(on, Power<C>{p}, x, y);
  }
}
}  // namespace

void sum_kernel(const Cuda& on, const Tensor& x, const Tensor& y) {
  if (y.size() == 0) return;
  if (x.size() == 0) return fill_kernel(on, 0, y);
  if (x.size() == y.size()) return copy_kernel(on, x, y);
  dispatch(x.dtype(), [&]<class X>(X) {
    if constexpr (!std::is_floating_point_v<Compute<X>>) fold<X>(on, Total<int64_t>{}, x, y);
    else if (y.dtype() == f64) fold<X>(on, Total<double>{}, x, y);
    else fold<X>(on, Total<Compute<X>>{}, x, y);
  });
}
void fold_kernel(const Cuda& on, Fold kind, double p, const Tensor& x, const Tensor& y) {
  if (y.size() == 0) return;
  if (x.dtype() == i32 || x.dtype() == u8 || x.dtype() == boolean) {
    const Tensor wider = empty_like(x, i64);
    copy_kernel(on, x, wider);
    return fold_kernel(on, kind, p, wider, y);
  }
  dispatch(x.dtype(), [&]<class X>(X) {
    if constexpr (std::is_same_v<X, int64_t> || std::is_floating_point_v<Compute<X>>) fold_as<X>(on, kind, p, x, y);
  });
}

}  // namespace mica
