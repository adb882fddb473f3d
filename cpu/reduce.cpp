#include <cmath>
#include <limits>
#include "mica/cpu/fold.h"
#include "mica/cpu/isa.h"
#include "mica/cpu/reduce_table.h"

namespace mica {
namespace {
const ReduceTable& table() {
  static const ReduceTable& chosen = pick(v2::reduce, v3::reduce, v4::reduce);
  return chosen;
}

template <class X, bool largest> struct Extreme {
  using Acc = X;
  using Limits = std::numeric_limits<X>;
  static bool better(X v, X than) { return largest ? v > than : v < than; }
  Acc start() const {
    if constexpr (Limits::has_infinity) return largest ? -Limits::infinity() : Limits::infinity();
    else return largest ? Limits::min() : Limits::max();
  }
  void add(Acc& best, X v, int64_t) const { best = better(v, best) || v != v ? v : best; }
  void merge(Acc& best, Acc later) const { add(best, later, 0); }
  auto finish(Acc best) const { if constexpr (Limits::is_integer) return best; else return double(best); }
  void row(Acc& best, const X* x, int64_t n) const requires std::is_same_v<X, float> { add(best, (largest ? table().max : table().min)(x, n), 0); }
};

template <class X, bool largest> struct ArgExtreme {
  struct Acc { X value; int64_t index; };
  Acc start() const { return {X(0), -1}; }
  void add(Acc& best, X v, int64_t index) const {
    if (best.index < 0 || Extreme<X, largest>::better(v, best.value) || (v != v && best.value == best.value)) best = {v, index};
  }
  void merge(Acc& best, const Acc& later) const { if (later.index >= 0) add(best, later.value, later.index); }
  int64_t finish(const Acc& best) const { return best.index; }
};

template <class X> struct Power {
  double p;
  using Acc = double;
  Acc start() const { return 0; }
  void add(Acc& total, X v, int64_t) const {
    const double a = std::abs(double(v));
    total += p == 2 ? a * a : p == 1 ? a : std::pow(a, p);
  }
  void merge(Acc& total, Acc later) const { total += later; }
  double finish(Acc total) const { return p == 2 ? std::sqrt(total) : p == 1 ? total : std::pow(total, 1 / p); }
  void row(Acc& total, const X* x, int64_t n) const requires std::is_same_v<X, float> {
    if (p == 2) total += table().sum_squares(x, n);
    else for (int64_t i = 0; i < n; ++i) add(total, x[i], 0);
  }
};

template <class X> void fold_as(Fold kind, double p, const Tensor& x, const Tensor& y) {
  switch (kind) {
    case Fold::max: return fold<X>(Extreme<X, true>{}, x, y);
    case Fold::min: return fold<X>(Extreme<X, false>{}, x, y);
    case Fold::argmax: return fold<X>(ArgExtreme<X, true>{}, x, y);
    case Fold::argmin: return fold<X>(ArgExtreme<X, false>{}, x, y);
    case Fold::norm: if constexpr (std::is_floating_point_v<X>) return fold<X>(Power<X>{p}, x, y);
  }
}
}  // namespace

void fold_kernel(const Cpu& on, Fold kind, double p, const Tensor& x, const Tensor& y) {
  if (x.dtype() == f64) return fold_as<double>(kind, p, x, y);
  if (x.dtype() == f32) return fold_as<float>(kind, p, x, y);
  if (x.dtype() == i64) return fold_as<int64_t>(kind, p, x, y);
  const Tensor wide = empty_like(x, is_float(x.dtype()) ? f32 : i64);
  copy_kernel(on, x, wide);
  fold_kernel(on, kind, p, wide, y);
}

}  // namespace mica
