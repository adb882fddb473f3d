#pragma once
#include <immintrin.h>
#include "mica/cpu/simd/batch.h"
// Philox 4x32-10 (core/philox.h) of several blocks at once. Each 32-bit word sits in a 64-bit lane: the multiplication of such lanes gives
// both halves of the product, and what remains above a word does no harm to the next multiplication.
namespace mica::MICA_ISA {

#if defined(__AVX512F__)
using Lanes = __m512i;
inline Lanes multiply(Lanes a, Lanes b) { return _mm512_mul_epu32(a, b); }
inline Lanes add(Lanes a, Lanes b) { return _mm512_add_epi64(a, b); }
inline Lanes flip(Lanes a, Lanes b) { return _mm512_xor_si512(a, b); }
inline Lanes high(Lanes a) { return _mm512_srli_epi64(a, 32); }
inline Lanes raise(Lanes a) { return _mm512_slli_epi64(a, 32); }
inline Lanes all(uint64_t v) { return _mm512_set1_epi64(int64_t(v)); }
inline Lanes load_lanes(const uint64_t* p) { return _mm512_loadu_si512(p); }
inline Lanes even_words(Lanes low, Lanes high) { return _mm512_mask_blend_epi32(0xaaaa, low, high); }
inline Lanes even_pairs(Lanes a, Lanes b) { return _mm512_unpacklo_epi64(a, b); }
inline Lanes odd_pairs(Lanes a, Lanes b) { return _mm512_unpackhi_epi64(a, b); }
inline Batch uniforms(Lanes words) { return Batch(_mm512_cvtepi32_ps(_mm512_srli_epi32(words, 8))) * Batch(0x1p-24f); }
#elif defined(__AVX2__)
using Lanes = __m256i;
inline Lanes multiply(Lanes a, Lanes b) { return _mm256_mul_epu32(a, b); }
inline Lanes add(Lanes a, Lanes b) { return _mm256_add_epi64(a, b); }
inline Lanes flip(Lanes a, Lanes b) { return _mm256_xor_si256(a, b); }
inline Lanes high(Lanes a) { return _mm256_srli_epi64(a, 32); }
inline Lanes raise(Lanes a) { return _mm256_slli_epi64(a, 32); }
inline Lanes all(uint64_t v) { return _mm256_set1_epi64x(int64_t(v)); }
inline Lanes load_lanes(const uint64_t* p) { return _mm256_loadu_si256(reinterpret_cast<const Lanes*>(p)); }
inline Lanes even_words(Lanes low, Lanes high) { return _mm256_blend_epi32(low, high, 0xaa); }
inline Lanes even_pairs(Lanes a, Lanes b) { return _mm256_unpacklo_epi64(a, b); }
inline Lanes odd_pairs(Lanes a, Lanes b) { return _mm256_unpackhi_epi64(a, b); }
inline Batch uniforms(Lanes words) { return Batch(_mm256_cvtepi32_ps(_mm256_srli_epi32(words, 8))) * Batch(0x1p-24f); }
#else
using Lanes = __m128i;
inline Lanes multiply(Lanes a, Lanes b) { return _mm_mul_epu32(a, b); }
inline Lanes add(Lanes a, Lanes b) { return _mm_add_epi64(a, b); }
inline Lanes flip(Lanes a, Lanes b) { return _mm_xor_si128(a, b); }
inline Lanes high(Lanes a) { return _mm_srli_epi64(a, 32); }
inline Lanes raise(Lanes a) { return _mm_slli_epi64(a, 32); }
inline Lanes all(uint64_t v) { return _mm_set1_epi64x(int64_t(v)); }
inline Lanes load_lanes(const uint64_t* p) { return _mm_loadu_si128(reinterpret_cast<const Lanes*>(p)); }
inline Lanes even_words(Lanes low, Lanes high) { return _mm_blend_epi16(low, high, 0xcc); }
inline Lanes even_pairs(Lanes a, Lanes b) { return _mm_unpacklo_epi64(a, b); }
inline Lanes odd_pairs(Lanes a, Lanes b) { return _mm_unpackhi_epi64(a, b); }
inline Batch uniforms(Lanes words) { return Batch(_mm_cvtepi32_ps(_mm_srli_epi32(words, 8))) * Batch(0x1p-24f); }
#endif
constexpr int64_t blocks_at_once = width / 2;

struct Words { Lanes w[4]; };
// The four words of philox(seed, call, b) for the blocks b in the lanes.
[[gnu::always_inline]] inline Words philox_lanes(uint64_t seed, uint64_t call, Lanes block) {
  const Lanes m0 = all(0xD2511F53u), m1 = all(0xCD9E8D57u);
  Lanes a = block, b = high(block), c = all(uint32_t(call)), d = all(call >> 32);
  uint32_t k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
  for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
    const Lanes p = multiply(a, m0), q = multiply(c, m1);
    a = flip(flip(high(q), b), all(k0));
    c = flip(flip(high(p), d), all(k1));
    b = q;
    d = p;
  }
  return {{a, b, c, d}};
}
// first, first + 1, ... in the order in which pairs of words come together again (philox_uniforms).
inline Lanes dealt_blocks(uint64_t first) {
  uint64_t block[blocks_at_once];
  for (int64_t i = 0; i < blocks_at_once; ++i) block[i] = first + uint64_t(i / 2 + i % 2 * (blocks_at_once / 2));
  return load_lanes(block);
}
// The uniform numbers of the elements of dealt blocks, as two batches in order.
[[gnu::always_inline]] inline void philox_uniforms(uint64_t seed, uint64_t call, Lanes blocks, Batch& low, Batch& up) {
  const Words v = philox_lanes(seed, call, blocks);
  const Lanes ab = even_words(v.w[0], raise(v.w[1])), cd = even_words(v.w[2], raise(v.w[3]));
  low = uniforms(even_pairs(ab, cd));
  up = uniforms(odd_pairs(ab, cd));
}

}  // namespace mica::MICA_ISA
