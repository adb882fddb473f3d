#include "mica/cpu/dropout_table.h"
#include "mica/cpu/simd/philox.h"

namespace mica::MICA_ISA {
constexpr int64_t together = 2 * width;  // elements made at once

// f(i, a, b, n): the uniform numbers of elements first + i ... in a and b, of which n count.
template <class F> [[gnu::always_inline]] inline void consecutive(uint64_t seed, uint64_t call, int64_t first, int64_t n, const F& f) {
  Batch a, b;
  int64_t i = 0;
  if (const int64_t skip = first % 4; skip && n) {  // up to the next block
    philox_uniforms(seed, call, dealt_blocks(uint64_t(first / 4)), a, b);
    float t[width];
    a.store_unaligned(t);
    i = n < 4 - skip ? n : 4 - skip;
    f(int64_t(0), Part{i}.load(t + skip), b, i);
  }
  Lanes blocks = dealt_blocks(uint64_t((first + i) / 4));  // made from scalars in each turn it would cost half of all time
  const Lanes step = all(uint64_t(blocks_at_once));
  for (; i < n; i += together, blocks = add(blocks, step)) {
    philox_uniforms(seed, call, blocks, a, b);
    f(i, a, b, n - i);
  }
}

void uniform(uint64_t seed, uint64_t call, int64_t first, int64_t stride, int64_t n, float* u) {
  if (stride == 1) {
    consecutive(seed, call, first, n, [=](int64_t i, const Batch& a, const Batch& b, int64_t m) {
      if (m >= together) { a.store_unaligned(u + i); b.store_unaligned(u + i + width); return; }
      float t[together];
      a.store_unaligned(t);
      b.store_unaligned(t + width);
      for (int64_t j = 0; j < m; ++j) u[i + j] = t[j];
    });
    return;
  }
  for (int64_t i = 0; i < n; i += blocks_at_once) {  // a block for each element, one word of it
    uint64_t block[blocks_at_once];
    for (int64_t j = 0; j < blocks_at_once; ++j) block[j] = uint64_t(first + (i + j) * stride) / 4;
    const Words v = philox_lanes(seed, call, load_lanes(block));
    uint64_t word[4][blocks_at_once];
    for (int k = 0; k < 4; ++k) __builtin_memcpy(word[k], &v.w[k], sizeof(v.w[k]));
    for (int64_t j = 0; j < blocks_at_once && i + j < n; ++j) u[i + j] = float(uint32_t(word[(first + (i + j) * stride) % 4][j]) >> 8) * 0x1p-24f;
  }
}

void dropout_row(uint64_t seed, uint64_t call, int64_t first, int64_t n, float p, float scale, const float* x, float* y) {
  const Batch limit(p), factor(scale), zero(0.f);
  auto kept = [=](const Batch& u, const Batch& v) { return xsimd::select(u >= limit, v * factor, zero); };
  consecutive(seed, call, first, n, [=](int64_t i, const Batch& a, const Batch& b, int64_t m) {
    if (m >= together) {
      kept(a, Whole{}.load(x + i)).store_unaligned(y + i);
      kept(b, Whole{}.load(x + i + width)).store_unaligned(y + i + width);
      return;
    }
    const Part one{m < width ? m : width}, two{m < width ? 0 : m - width};
    one.store(kept(a, one.load(x + i)), y + i);
    two.store(kept(b, two.load(x + i + width)), y + i + width);
  });
}

void dropout_pixels(uint64_t seed, uint64_t call, int64_t block, int64_t stride, int64_t c, float p, float scale, const float* x, float* y) {
  const Batch limit(p), factor(scale), zero(0.f);
  uint64_t even[blocks_at_once], odd[blocks_at_once];  // blocks of the even and odd channels of a batch: their words come together in order
  for (int64_t i = 0; i < blocks_at_once; ++i) { even[i] = uint64_t(block + 2 * i * stride); odd[i] = even[i] + uint64_t(stride); }
  Lanes a = load_lanes(even), b = load_lanes(odd);
  const Lanes step = all(uint64_t(width * stride));
  each(c, [&](auto io, int64_t j) {
    const Words u = philox_lanes(seed, call, a), v = philox_lanes(seed, call, b);
    a = add(a, step);
    b = add(b, step);
    for (int64_t k = 0; k < 4; ++k) {
      const Batch kept = xsimd::select(uniforms(even_words(u.w[k], raise(v.w[k]))) >= limit, io.load(x + k * c + j) * factor, zero);
      io.store(kept, y + k * c + j);
    }
  });
}

void scale_rows(int64_t rows, int64_t c, const float* factor, const float* x, float* y) {
  const Batch zero(0.f);
  for (int64_t r = 0; r < rows; ++r, x += c, y += c)
    each(c, [=](auto io, int64_t j) {
      const Batch f = io.load(factor + j);
      io.store(xsimd::select(f == zero, zero, io.load(x + j) * f), y + j);
    });
}

constinit const DropoutTable dropout{&uniform, &dropout_row, &dropout_pixels, &scale_rows};
}  // namespace mica::MICA_ISA
