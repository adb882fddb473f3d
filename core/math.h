#pragma once
#include <cmath>
#include <cstdint>
// The functions pointwise formulas are written in, for T = double, float, int64_t, or a SIMD batch (found by argument-dependent lookup).
// Everything is inlined by force: an out-of-line copy compiled for AVX-512 might be the one the linker keeps for all machines.
#ifdef __CUDACC__
#define MICA_FORMULA __host__ __device__ __forceinline__
#else
#define MICA_FORMULA [[gnu::always_inline]] inline
#endif

namespace mica::math {
namespace scalar {
template <class T> MICA_FORMULA T select(bool c, T a, T b) { return c ? a : b; }
}
template <class C, class T> MICA_FORMULA T select(C c, T a, T b) { using scalar::select; return select(c, a, b); }  // c ? a : b
template <class T> MICA_FORMULA T abs(T x) { using std::abs; return abs(x); }
template <class T> MICA_FORMULA T sqrt(T x) { using std::sqrt; return sqrt(x); }
template <class T> MICA_FORMULA T exp(T x) { using std::exp; return exp(x); }
template <class T> MICA_FORMULA T expm1(T x) { using std::expm1; return expm1(x); }
template <class T> MICA_FORMULA T log(T x) { using std::log; return log(x); }
template <class T> MICA_FORMULA T log1p(T x) { using std::log1p; return log1p(x); }
template <class T> MICA_FORMULA T tanh(T x) { using std::tanh; return tanh(x); }
template <class T> MICA_FORMULA T erf(T x) { using std::erf; return erf(x); }
template <class T> MICA_FORMULA T erfc(T x) { using std::erfc; return erfc(x); }
template <class T> MICA_FORMULA T sin(T x) { using std::sin; return sin(x); }
template <class T> MICA_FORMULA T cos(T x) { using std::cos; return cos(x); }
template <class T> MICA_FORMULA T floor(T x) { using std::floor; return floor(x); }
template <class T> MICA_FORMULA T ceil(T x) { using std::ceil; return ceil(x); }
template <class T> MICA_FORMULA T round(T x) { using std::nearbyint; return nearbyint(x); }  // halves to even
// A batch's exp gives infinity from 88.38 on; the largest float is exp(88.72).
template <class T> MICA_FORMULA T exp_to_the_end(T x) {
  if constexpr (requires { T::size; }) {
    const auto large = x > T(88);
    const T y = exp(select(large, x - T(1), x));
    return select(large, y * T(2.7182818284590452f), y);
  } else {
    return exp(x);
  }
}
// A batch's pow as exp(b log a) is off by |b log a| ulp, so it goes lane by lane.
template <class T> MICA_FORMULA T pow(T a, T b) {
  if constexpr (requires { T::size; }) {
    typename T::value_type x[T::size], y[T::size];
    a.store_unaligned(x);
    b.store_unaligned(y);
    for (unsigned i = 0; i < T::size; ++i) x[i] = std::pow(x[i], y[i]);
    return T::load_unaligned(x);
  } else {
    using std::pow;
    return T(pow(a, b));
  }
}
}  // namespace mica::math
