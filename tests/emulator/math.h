#pragma once
#include <cmath>
#include <cstdint>
#include "mica/tests/emulator/qualifiers.h"
// Device functions the host compiler does not have. Results are those of the host's libm: the approximate ones (__expf) are exact to an ulp
// here and not on a GPU, so tests compare with tolerances.
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __log2f(float x) { return std::log2(x); }
inline float __sinf(float x) { return std::sin(x); }
inline float __cosf(float x) { return std::cos(x); }
inline float __powf(float x, float y) { return std::pow(x, y); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fmaf_rn(float x, float y, float z) { return std::fma(x, y, z); }
inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1) : 0; }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(unsigned(x)) : 32; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline unsigned __brev(unsigned x) {
  unsigned result = 0;
  for (int i = 0; i < 32; ++i) result |= (x >> i & 1) << (31 - i);
  return result;
}
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned(uint64_t(a) * b >> 32); }
inline int __float_as_int(float x) { return __builtin_bit_cast(int, x); }
inline unsigned __float_as_uint(float x) { return __builtin_bit_cast(unsigned, x); }
inline float __int_as_float(int x) { return __builtin_bit_cast(float, x); }
inline float __uint_as_float(unsigned x) { return __builtin_bit_cast(float, x); }

template <class T> T __ldg(const T* p) { return *p; }
template <class T> T __ldcs(const T* p) { return *p; }
template <class T> T __ldcg(const T* p) { return *p; }
template <class T> void __stcs(T* p, T value) { *p = value; }
template <class T> void __stcg(T* p, T value) { *p = value; }

template <class T> constexpr T min(T a, T b) { return b < a ? b : a; }
template <class T> constexpr T max(T a, T b) { return a < b ? b : a; }

// Functions of cuda_fp16.h and cuda_bf16.h that exist for the device only: computed in float and rounded once.
namespace mica::emulator {
template <class T> concept Half = std::is_same_v<T, __half> || std::is_same_v<T, __nv_bfloat16>;
}
template <mica::emulator::Half T> T hexp(T x) { return T(std::exp(float(x))); }
template <mica::emulator::Half T> T hlog(T x) { return T(std::log(float(x))); }
template <mica::emulator::Half T> T hsqrt(T x) { return T(std::sqrt(float(x))); }
template <mica::emulator::Half T> T hrsqrt(T x) { return T(1.0f / std::sqrt(float(x))); }
template <mica::emulator::Half T> T hrcp(T x) { return T(1.0f / float(x)); }
template <mica::emulator::Half T> T htanh(T x) { return T(std::tanh(float(x))); }
template <mica::emulator::Half T> T __hfma(T a, T b, T c) { return T(std::fma(float(a), float(b), float(c))); }
inline __half2 __hfma2(__half2 a, __half2 b, __half2 c) { return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)}; }
inline __nv_bfloat162 __hfma2(__nv_bfloat162 a, __nv_bfloat162 b, __nv_bfloat162 c) { return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)}; }
