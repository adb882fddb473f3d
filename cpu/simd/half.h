#pragma once
#include <immintrin.h>
#include <xsimd/xsimd.hpp>
#include "mica/core/dtype.h"
// A batch of floats from and to 16-bit memory, by the same rounding as core/dtype.h: to nearest even, NaN stays NaN.
namespace mica::MICA_ISA {
using HalfBatch = xsimd::batch<float>;

#if defined(__AVX512F__)
inline HalfBatch load_half(const bfloat16* p) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), 16));
}
inline void store_half(const HalfBatch& v, bfloat16* p) {
  const __m512i u = _mm512_castps_si512(v), top = _mm512_srli_epi32(u, 16);
  const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(u, _mm512_add_epi32(_mm512_set1_epi32(0x7fff), _mm512_and_si512(top, _mm512_set1_epi32(1)))), 16);
  const __m512i r = _mm512_mask_or_epi32(rounded, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), top, _mm512_set1_epi32(0x40));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(r));
}
inline HalfBatch load_half(const float16* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
inline void store_half(const HalfBatch& v, float16* p) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
#elif defined(__AVX2__)
inline HalfBatch load_half(const bfloat16* p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), 16));
}
inline void store_half(const HalfBatch& v, bfloat16* p) {
  const __m256i u = _mm256_castps_si256(v), top = _mm256_srli_epi32(u, 16);
  const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(u, _mm256_add_epi32(_mm256_set1_epi32(0x7fff), _mm256_and_si256(top, _mm256_set1_epi32(1)))), 16);
  const __m256i r = _mm256_blendv_epi8(rounded, _mm256_or_si256(top, _mm256_set1_epi32(0x40)), _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q)));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi32(r, r), 0xd8)));
}
inline HalfBatch load_half(const float16* p) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
inline void store_half(const HalfBatch& v, float16* p) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
#else
inline __m128i four(const void* p) { return _mm_cvtepu16_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p))); }
inline void put_four(__m128i r, void* p) { _mm_storel_epi64(static_cast<__m128i*>(p), _mm_packus_epi32(r, r)); }
inline __m128i all_of(int v) { return _mm_set1_epi32(v); }
inline HalfBatch load_half(const bfloat16* p) { return _mm_castsi128_ps(_mm_slli_epi32(four(p), 16)); }
inline void store_half(const HalfBatch& v, bfloat16* p) {
  const __m128i u = _mm_castps_si128(v), top = _mm_srli_epi32(u, 16);
  const __m128i rounded = _mm_srli_epi32(_mm_add_epi32(u, _mm_add_epi32(all_of(0x7fff), _mm_and_si128(top, all_of(1)))), 16);
  put_four(_mm_blendv_epi8(rounded, _mm_or_si128(top, all_of(0x40)), _mm_castps_si128(_mm_cmpunord_ps(v, v))), p);
}
inline HalfBatch load_half(const float16* p) {  // float16's constructor and conversion, four at a time
  const __m128i h = four(p), a = _mm_and_si128(h, all_of(0x7fff)), shifted = _mm_slli_epi32(a, 13);
  const __m128i normal = _mm_add_epi32(shifted, all_of(0x38000000)), special = _mm_add_epi32(shifted, all_of(0x70000000));
  const __m128i small = _mm_castps_si128(_mm_mul_ps(_mm_cvtepi32_ps(a), _mm_set1_ps(0x1p-24f)));
  __m128i r = _mm_blendv_epi8(normal, special, _mm_cmpgt_epi32(a, all_of(0x7bff)));
  r = _mm_blendv_epi8(r, small, _mm_cmpgt_epi32(all_of(0x400), a));
  return _mm_castsi128_ps(_mm_or_si128(r, _mm_slli_epi32(_mm_and_si128(h, all_of(0x8000)), 16)));
}
inline void store_half(const HalfBatch& v, float16* p) {
  const __m128i u = _mm_castps_si128(v), sign = _mm_and_si128(_mm_srli_epi32(u, 16), all_of(0x8000)), a = _mm_and_si128(u, all_of(0x7fffffff));
  const __m128i small = _mm_sub_epi32(_mm_castps_si128(_mm_add_ps(_mm_castsi128_ps(a), _mm_set1_ps(0.5f))), all_of(0x3f000000));
  __m128i r = _mm_srli_epi32(_mm_add_epi32(_mm_sub_epi32(a, all_of(0x38000000)), _mm_add_epi32(all_of(0xfff), _mm_and_si128(_mm_srli_epi32(a, 13), all_of(1)))), 13);
  r = _mm_blendv_epi8(r, small, _mm_cmpgt_epi32(all_of(0x38800000), a));
  r = _mm_blendv_epi8(r, all_of(0x7c00), _mm_cmpgt_epi32(a, all_of(0x477fefff)));
  r = _mm_blendv_epi8(r, all_of(0x7e00), _mm_cmpgt_epi32(a, all_of(0x7f800000)));
  put_four(_mm_or_si128(r, sign), p);
}
#endif

}  // namespace mica::MICA_ISA
