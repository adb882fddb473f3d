#include "mica/core/ops/dropout.h"
#include <cmath>
#include "mica/core/philox.h"
#include "mica/cuda/strided.h"

namespace mica {
namespace {
// As on the CPU: kept where the uniform number, a multiple of 2^-24, is >= p. Compared as integers, so every device decides alike.
struct Drop {
  RandomState random;
  uint32_t limit;
  double scale;
  Drop(RandomState random, double p) : random(random), limit(uint32_t(std::ceil(p * 0x1p24))), scale(p < 1 ? 1 / (1 - p) : 0) {}
  __device__ __forceinline__ Philox block(int64_t i) const {
    return random.varying ? philox(random.varying[0], random.varying[1], uint64_t(i)) : philox(random.seed, random.call, uint64_t(i));
  }
  __device__ __forceinline__ bool keeps(uint32_t word) const { return word >> 8 >= limit; }
  template <class T> __device__ __forceinline__ T operator()(T x, bool keep) const { return narrow<T>(keep ? wide(x) * Compute<T>(scale) : Compute<T>(0)); }
};
// A variable index into registers would put them into memory.
__device__ __forceinline__ uint32_t word_of(const Philox& p, int64_t e) {
  const int i = int(e % 4);
  return i == 0 ? p.word[0] : i == 1 ? p.word[1] : i == 2 ? p.word[2] : p.word[3];
}

// One thread makes the masks of E neighbours of row-major x, E / 4 blocks of random words. 2 sizeof(T) bytes per element. 28 operations per element,
// most of them Philox's. Deterministic.
template <class T, int E> __global__ void dropout_kernel(Drop drop, int64_t n, const T* x, T* y) {
  constexpr int width = per_16_bytes<T>;
  using P = Pack<T, width>;
  const int64_t i = thread_number() * E;
  bool keep[E];
#pragma unroll
  for (int b = 0; b < E / 4; ++b) {
    const Philox words = drop.block(i / 4 + b);
#pragma unroll
    for (int k = 0; k < 4; ++k) keep[b * 4 + k] = drop.keeps(words.word[k]);
  }
  if (i + E <= n) {
#pragma unroll
    for (int at = 0; at < E; at += width) {
      P v = *reinterpret_cast<const P*>(x + i + at);
#pragma unroll
      for (int j = 0; j < width; ++j) v.v[j] = drop(v.v[j], keep[at + j]);
      *reinterpret_cast<P*>(y + i + at) = v;
    }
  } else {
#pragma unroll
    for (int j = 0; j < E; ++j) if (i + j < n) y[i + j] = drop(x[i + j], keep[j]);
  }
}

// One thread takes V neighbouring channels of four neighbouring pixels, channels-last. `whole`: whole channels share a word, that of number
// image c + channel; else every element has its own, and the four pixels of a channel are one block (pixels is a multiple of 4).
// 2 sizeof(T) bytes per element. 28 operations per element where each has its own word. Deterministic.
template <class T, int V, bool whole> __global__ void dropout_pixels_kernel(Drop drop, Indices<3> quads, int64_t pixels, int64_t c, const T* x, T* y) {
  using P = Pack<T, V>;
  const int64_t i = thread_number();
  if (i >= quads.count) return;
  int64_t at[3];  // image, four pixels, pack of channels
  quads(i, at);
  const int64_t channel = at[0] * c + at[2] * V, first = (at[0] * pixels + at[1] * 4) * c + at[2] * V;
  bool keep[V][4];
  Philox words;
#pragma unroll
  for (int j = 0; j < V; ++j) {
    const int64_t e = channel + j;
    if constexpr (!whole) words = drop.block((e * pixels) / 4 + at[1]);
    else if (j == 0 || e % 4 == 0) words = drop.block(e / 4);
#pragma unroll
    for (int k = 0; k < 4; ++k) keep[j][k] = drop.keeps(whole ? word_of(words, e) : words.word[k]);
  }
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    if (at[1] * 4 + k >= pixels) return;
    P v = *reinterpret_cast<const P*>(x + first + k * c);
#pragma unroll
    for (int j = 0; j < V; ++j) v.v[j] = drop(v.v[j], keep[j][k]);
    *reinterpret_cast<P*>(y + first + k * c) = v;
  }
}

// One thread takes one element of tensors of any strides; order's offset is the element's number. 2 sizeof(T) bytes per element. 110 operations per
// element: each computes a block of words. Deterministic.
template <class T> __global__ void dropout_strided_kernel(Drop drop, Places<3> places, const T* x, T* y) {
  const int64_t i = thread_number();
  if (i >= places.count) return;
  int64_t at[3];
  places(i, at);
  y[at[0]] = drop(x[at[1]], drop.keeps(word_of(drop.block(at[2] / 4), at[2])));
}

bool aligned(const Tensor& x, const Tensor& y) { return aligned_16(address(x)) && aligned_16(address(y)); }

template <class T, bool whole> void by_pixels(const Cuda& on, const Drop& drop, const Tensor& x, const Tensor& y) {
  const int64_t n = x.size(0), c = x.size(1), pixels = x.size() / (n * c);
  constexpr int width = per_16_bytes<T>;
  const auto run = [&](auto v) {
    const Indices<3> quads(n, (pixels + 3) / 4, c / v);
    launch(on, {blocks_for(quads.count), block_threads}, dropout_pixels_kernel<T, v, whole>, drop, quads, pixels, c, output<T>(x), output<T>(y));
  };
  if (aligned(x, y) && c % width == 0) run(std::integral_constant<int, width>{}); else run(std::integral_constant<int, 1>{});
}
// y = x where kept. The same serves backward.
void elements(const Cuda& on, const Drop& drop, const Tensor& x, const Tensor& y) {
  if (x.size() == 0) return;
  dispatch_float(x.dtype(), [&]<class T>(T) {
    constexpr int each = std::max(4, per_16_bytes<T>);
    if (x.is_contiguous() && y.is_contiguous() && aligned(x, y)) {
      launch(on, {blocks_for(x.size(), int64_t(block_threads) * each), block_threads}, dropout_kernel<T, each>, drop, x.size(), output<T>(x), output<T>(y));
    } else if (x.rank() > 2 && x.has_layout(Layout::channels_last) && y.has_layout(Layout::channels_last) && x.size() / (x.size(0) * x.size(1)) % 4 == 0) {
      by_pixels<T, false>(on, drop, x, y);
    } else {
      const Tensor order = alias(x, x.shape(), strides_of(x.shape()), 0);  // its offsets are the elements' numbers
      const Places<3> places(dims_of(y, x, order));
      launch(on, {blocks_for(places.count), block_threads}, dropout_strided_kernel<T>, drop, places, output<T>(x), output<T>(y));
    }
  });
}
void channels(const Cuda& on, const Drop& drop, const Tensor& x, const Tensor& y) {
  if (x.size() == 0) return;
  dispatch_float(x.dtype(), [&]<class T>(T) { by_pixels<T, true>(on, drop, x, y); });
}
}  // namespace

void op::Dropout::forward(const Cuda& on, const Tensor& x, Tensor& y) const { elements(on, Drop(random, p), x, y); }
void op::Dropout::backward(const Cuda& on, const Tensor&, const Tensor&, const Tensor& dy, Tensor& dx) const { elements(on, Drop(random, p), dy, dx); }
void op::Dropout2d::forward(const Cuda& on, const Tensor& x, Tensor& y) const { channels(on, Drop(random, p), x, y); }
void op::Dropout2d::backward(const Cuda& on, const Tensor&, const Tensor&, const Tensor& dy, Tensor& dx) const { channels(on, Drop(random, p), dy, dx); }

}  // namespace mica
