#include "mica/cuda/conv2d.h"
#include <algorithm>
#include "mica/cuda/fold.h"

namespace mica::conv2d_direct {
namespace {
// a / b for a, b >= 0: mostly small, where 32 bits are several times faster.
__device__ __forceinline__ int64_t quotient(int64_t a, int64_t b) { return (a | b) >> 32 ? a / b : int64_t(uint32_t(a) / uint32_t(b)); }
// Element i of [n, h, w, channels / width].
struct Place {
  int64_t n, i, j, c;
  __device__ Place(int64_t at, int64_t h, int64_t w, int64_t channels, int width) {
    const int64_t vectors = channels / width, pixel = quotient(at, vectors), line = quotient(pixel, w);
    c = (at - pixel * vectors) * width;
    j = pixel - line * w;
    n = quotient(line, h);
    i = line - n * h;
  }
};

// One thread computes one element of y, or in depthwise layers `width` neighbouring channels. In those it moves
// sizeof(T) (1 + taps / stride^2) bytes per element, mostly from caches. 2 taps operations per element and channel that it reads. Deterministic.
template <class T, int width> __global__ void conv2d_direct_forward_kernel(Conv2dSizes s, const T* x, const T* w, const void* bias, DType bias_type, T* y) {
  const int64_t at = thread_number();
  if (at >= s.pixels() * s.out / width) return;
  const Place p(at, s.out_h, s.out_w, s.out, width);
  const int64_t c_group = s.c_group(), group = width > 1 ? p.c : quotient(p.c, s.out_group()), taps = s.taps();
  Compute<T> sum[width] = {};
  for (int64_t k = 0; k < s.kernel_h; ++k) {
    const int64_t i = p.i * s.stride_h - s.padding_h + k * s.dilation_h;
    if (i < 0 || i >= s.h) continue;
    for (int64_t l = 0; l < s.kernel_w; ++l) {
      const int64_t j = p.j * s.stride_w - s.padding_w + l * s.dilation_w;
      if (j < 0 || j >= s.w) continue;
      const T* const from = x + ((p.n * s.h + i) * s.w + j) * s.c + group * c_group;
      const T* const weight = w + (p.c * taps + k * s.kernel_w + l) * c_group;
      if constexpr (width > 1) {
        const auto v = *reinterpret_cast<const Pack<T, width>*>(from);
#pragma unroll
        for (int e = 0; e < width; ++e) sum[e] += wide(v.v[e]) * wide(weight[e * taps]);
      } else {
        for (int64_t c = 0; c < c_group; ++c) sum[0] += wide(from[c]) * wide(weight[c]);
      }
    }
  }
  Pack<T, width> result;
#pragma unroll
  for (int e = 0; e < width; ++e) result.v[e] = narrow<T>(bias ? sum[e] + load<Compute<T>>(bias, bias_type, p.c + e) : sum[e]);
  *reinterpret_cast<Pack<T, width>*>(y + at * width) = result;
}

// One thread gathers one element of dx, or `width` neighbouring channels, from the pixels of dy that read it. sizeof(T) (1 + taps / stride^2) bytes
// per element as forward, mostly from caches, 2 taps operations per element and channel that it reads. Deterministic.
template <class T, int width> __global__ void conv2d_direct_data_kernel(Conv2dSizes s, const T* dy, const T* w, T* dx) {
  const int64_t at = thread_number();
  if (at >= s.n * s.h * s.w * s.c / width) return;
  const Place p(at, s.h, s.w, s.c, width);
  const int64_t c_group = s.c_group(), out_group = s.out_group(), group = width > 1 ? p.c : quotient(p.c, c_group), taps = s.taps();
  Compute<T> sum[width] = {};
  for (int64_t k = 0; k < s.kernel_h; ++k) {
    const int64_t above = p.i + s.padding_h - k * s.dilation_h;
    if (above < 0) break;
    const int64_t i = quotient(above, s.stride_h);
    if (i * s.stride_h != above || i >= s.out_h) continue;
    for (int64_t l = 0; l < s.kernel_w; ++l) {
      const int64_t before = p.j + s.padding_w - l * s.dilation_w;
      if (before < 0) break;
      const int64_t j = quotient(before, s.stride_w);
      if (j * s.stride_w != before || j >= s.out_w) continue;
      const T* const from = dy + ((p.n * s.out_h + i) * s.out_w + j) * s.out + group * out_group;
      const T* const weight = w + (group * out_group * taps + k * s.kernel_w + l) * c_group + (p.c - group * c_group);
      if constexpr (width > 1) {
        const auto v = *reinterpret_cast<const Pack<T, width>*>(from);
#pragma unroll
        for (int e = 0; e < width; ++e) sum[e] += wide(v.v[e]) * wide(weight[e * taps]);
      } else {
        for (int64_t o = 0; o < out_group; ++o) sum[0] += wide(from[o]) * wide(weight[o * taps * c_group]);
      }
    }
  }
  Pack<T, width> result;
#pragma unroll
  for (int e = 0; e < width; ++e) result.v[e] = narrow<T>(sum[e]);
  *reinterpret_cast<Pack<T, width>*>(dx + at * width) = result;
}

constexpr int lanes = 8;
// A block sums 32 elements of dw, neighbours in o where a group has one input channel, otherwise in memory, over part blockIdx.y of the lines of y.
// One thread takes every eighth line; the lanes are added in order. 2 sizeof(T) bytes per multiply-add, mostly from caches. 2 operations per
// multiply-add. Deterministic.
template <class T> __global__ void conv2d_direct_weight_kernel(Conv2dSizes s, const T* x, const T* dy, void* dw, DType dw_type, Compute<T>* partial) {
  using C = Compute<T>;
  MICA_SHARED(C, shared, [lanes][33]);
  const int64_t c_group = s.c_group(), taps = s.taps(), count = s.out * taps * c_group, element = int64_t(blockIdx.x) * 32 + threadIdx.x;
  int64_t o = 0, tap = 0, c = 0;
  if (c_group == 1) { tap = quotient(element, s.out); o = element - tap * s.out; }
  else {
    const int64_t row = quotient(element, c_group);
    c = element - row * c_group;
    o = quotient(row, taps);
    tap = row - o * taps;
  }
  const int64_t k = quotient(tap, s.kernel_w), l = tap - k * s.kernel_w, channel = quotient(o, s.out_group()) * c_group + c;
  const int64_t lines = s.n * s.out_h, begin = lines * blockIdx.y / gridDim.y, end = lines * (blockIdx.y + 1) / gridDim.y;
  const int64_t left = l * s.dilation_w - s.padding_w;  // x's column for y's column 0
  const int64_t first = left >= 0 ? 0 : quotient(-left + s.stride_w - 1, s.stride_w), last = left >= s.w ? 0 : min(s.out_w, quotient(s.w - left + s.stride_w - 1, s.stride_w));
  C sum = 0;
  if (element < count) {
    for (int64_t line = begin + threadIdx.y; line < end; line += lanes) {
      const int64_t n = quotient(line, s.out_h), i = (line - n * s.out_h) * s.stride_h - s.padding_h + k * s.dilation_h;
      if (i < 0 || i >= s.h) continue;
      const T* const from = x + ((n * s.h + i) * s.w + left) * s.c + channel;
      const T* const gradient = dy + line * s.out_w * s.out + o;
      for (int64_t j = first; j < last; ++j) sum += wide(from[j * s.stride_w * s.c]) * wide(gradient[j * s.out]);
    }
  }
  shared[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || element >= count) return;
  for (int lane = 1; lane < lanes; ++lane) sum += shared[lane][threadIdx.x];
  const int64_t place = (o * taps + tap) * c_group + c;
  if (gridDim.y > 1) partial[blockIdx.y * count + place] = sum;
  else store(dw, dw_type, place, sum);
}
// One thread adds the parts of one element, in order. parts sizeof(C) bytes each, parts operations each. Deterministic.
template <class C> __global__ void conv2d_direct_add_kernel(int64_t count, int parts, const C* partial, void* dw, DType dw_type) {
  const int64_t i = thread_number();
  if (i >= count) return;
  C total = 0;
  for (int part = 0; part < parts; ++part) total += partial[part * count + i];
  store(dw, dw_type, i, total);
}

template <class T> bool in_vectors(const Conv2dSizes& s, const void* a, const void* b) {
  return s.c == s.groups && s.out == s.groups && s.c % per_16_bytes<T> == 0 && aligned_16(a) && aligned_16(b);
}
}  // namespace

bool pays(const Conv2dSizes& s, DType type) {
  const int64_t less = std::min(s.c_group(), s.out_group()), more = std::max(s.c_group(), s.out_group());
  return type == f64 || (less < 8 && (s.groups > 1 || more < 16)) || std::max(s.pixels(), s.n * s.h * s.w) >= int64_t(1) << 31;
}

void forward(const Cuda& on, const Conv2dSizes& s, DType type, const void* x, const void* weight, const void* bias, DType bias_type, void* y) {
  dispatch_float(type, [&]<class T>(T) {
    const auto *px = static_cast<const T*>(x), *pw = static_cast<const T*>(weight);
    constexpr int width = per_16_bytes<T>;
    const int64_t count = s.pixels() * s.out;
    if (in_vectors<T>(s, x, y)) launch(on, {blocks_for(count / width), block_threads}, conv2d_direct_forward_kernel<T, width>, s, px, pw, bias, bias_type, static_cast<T*>(y));
    else launch(on, {blocks_for(count), block_threads}, conv2d_direct_forward_kernel<T, 1>, s, px, pw, bias, bias_type, static_cast<T*>(y));
  });
}

void data_gradient(const Cuda& on, const Conv2dSizes& s, DType type, const void* dy, const void* weight, void* dx) {
  dispatch_float(type, [&]<class T>(T) {
    const auto *py = static_cast<const T*>(dy), *pw = static_cast<const T*>(weight);
    constexpr int width = per_16_bytes<T>;
    const int64_t count = s.n * s.h * s.w * s.c;
    if (in_vectors<T>(s, dy, dx)) launch(on, {blocks_for(count / width), block_threads}, conv2d_direct_data_kernel<T, width>, s, py, pw, static_cast<T*>(dx));
    else launch(on, {blocks_for(count), block_threads}, conv2d_direct_data_kernel<T, 1>, s, py, pw, static_cast<T*>(dx));
  });
}

void weight_gradient(const Cuda& on, const Conv2dSizes& s, DType type, const void* x, const void* dy, void* dweight, DType dweight_type) {
  dispatch_float(type, [&]<class T>(T) {
    using C = Compute<T>;
    const int64_t count = s.out * s.taps() * s.c_group(), blocks = (count + 31) / 32, lines = s.n * s.out_h;
    int parts = 1;
    while (parts < 256 && blocks * parts < 512 && lines / (2 * parts) >= lanes) parts *= 2;
    const Scratch scratch(on, parts > 1 ? size_t(parts * count) * sizeof(C) : 0);
    auto* const partial = scratch.as<C>();
    launch(on, {dim3(unsigned(blocks), unsigned(parts)), dim3(32, lanes)}, conv2d_direct_weight_kernel<T>, s, static_cast<const T*>(x), static_cast<const T*>(dy), dweight,
           dweight_type, partial);
    if (parts > 1) launch(on, {blocks_for(count), block_threads}, conv2d_direct_add_kernel<C>, count, parts, partial, dweight, dweight_type);
  });
}

}  // namespace mica::conv2d_direct
