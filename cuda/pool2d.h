#pragma once
#include "mica/core/ops/pool_internal.h"
#include "mica/cuda/strided.h"
// The windows of pooling, as kernels compute them, and the launches of its kernels: a thread for each pixel and pack of channels.
namespace mica {

struct Taps { int begin, size, first; };    // of one dimension: input begin + t dilation is tap first + t, for t < size

// One dimension of a pooling. Adaptive: output o reads [floor(o in / out), ceil((o + 1) in / out)).
struct PooledAxis {
  int in, out, taps, stride = 1, padding = 0, dilation = 1;  // taps: the most that a window has
  bool adaptive = false, count_padding = false;

  PooledAxis(int64_t in, int64_t out, int window, int stride, int padding, int dilation, bool count_padding)
      : in(int(in)), out(int(out)), taps(window), stride(stride), padding(padding), dilation(dilation), count_padding(count_padding) {}
  PooledAxis(int64_t in, int64_t out) : in(int(in)), out(int(out)), taps(0), adaptive(true) {
    for (int64_t o = 0; o < out; ++o) taps = std::max(taps, int(((o + 1) * in + out - 1) / out - o * in / out));
  }

  __device__ __forceinline__ Taps window(int o) const {
    if (adaptive) {
      const int begin = int(int64_t(o) * in / out);
      return {begin, int((int64_t(o + 1) * in + out - 1) / out) - begin, 0};
    }
    const int start = o * stride - padding, first = start < 0 ? (-start + dilation - 1) / dilation : 0;
    return {start + first * dilation, max(0, min(taps, (in - start + dilation - 1) / dilation) - first), first};
  }
  // What the mean over o's window is divided by.
  __device__ __forceinline__ int divisor(int o) const {
    if (!count_padding) return window(o).size;
    const int start = o * stride - padding;
    return min(start + taps, in + padding) - start;
  }
  // The outputs whose windows span input i: from first_reader(i) on, before end_reader(i).
  __device__ __forceinline__ int first_reader(int i) const {
    if (adaptive) return int(int64_t(i) * out / in);
    const int from = i + padding - dilation * (taps - 1);
    return from <= 0 ? 0 : (from + stride - 1) / stride;
  }
  __device__ __forceinline__ int end_reader(int i) const {
    return adaptive ? int((int64_t(i + 1) * out + in - 1) / in) : min(out, (i + padding) / stride + 1);
  }
  // The number of the tap by which such an output reads i; -1 where dilation passes i over.
  __device__ __forceinline__ int tap(int i, int o) const {
    if (adaptive) return i - int(int64_t(o) * in / out);
    const int t = i + padding - o * stride;
    return t % dilation ? -1 : t / dilation;
  }
};
struct Pooling { int64_t n, c; PooledAxis h, w; };

template <class Op> Pooling pooling_of(const Op& o, const Tensor& x, const Tensor& y) {
  const Shape &in = x.shape(), &out = y.shape();
  if constexpr (requires { o.window; }) {
    Pair dilation = 1;
    bool count_padding = false;
    if constexpr (requires { o.dilation; }) dilation = o.dilation;
    if constexpr (requires { o.count_padding; }) count_padding = o.count_padding;
    const Pair stride = stride_of(o.stride, o.window);
    return {in[0], in[1], {in[2], out[2], o.window.h, stride.h, o.padding.h, dilation.h, count_padding}, {in[3], out[3], o.window.w, stride.w, o.padding.w, dilation.w, count_padding}};
  } else {
    return {in[0], in[1], {in[2], out.rank() == 2 ? 1 : out[2]}, {in[3], out.rank() == 2 ? 1 : out[3]}};
  }
}

// Calls f(std::integral_constant<int, V>) with the most channels, at most 16 bytes of T, that a thread can move at once.
template <class T, class F> void with_channels(int64_t c, bool aligned, F&& f) {
  constexpr int most = per_16_bytes<T>;
  if (aligned && c % most == 0) f(std::integral_constant<int, most>{});
  else if (aligned && most > 2 && c % 2 == 0) f(std::integral_constant<int, 2>{});
  else f(std::integral_constant<int, 1>{});
}

// f(pack of channels, tap) for every tap inside the window of output (oh, ow); `image` is at the thread's first channel. Taps are read four at a time.
template <class T, int V, class F> __device__ __forceinline__ void for_taps(const Pooling& p, int oh, int ow, const T* image, F&& f) {
  using P = Pack<T, V>;
  const Taps h = p.h.window(oh), w = p.w.window(ow);
  const int64_t right = p.w.dilation * p.c;
  for (int i = 0; i < h.size; ++i) {
    const T* line = image + (int64_t(h.begin + i * p.h.dilation) * p.w.in + w.begin) * p.c;
    for (int j = 0; j < w.size; j += 4) {
      P v[4] = {};
#pragma unroll
      for (int k = 0; k < 4; ++k) if (j + k < w.size) v[k] = *reinterpret_cast<const P*>(line + (j + k) * right);
#pragma unroll
      for (int k = 0; k < 4; ++k) if (j + k < w.size) f(v[k], (h.first + i) * p.w.taps + w.first + j + k);
    }
  }
}
// f(offset of output (oh, ow) in its image, tap, oh, ow) for every window that has input (ih, iw). Where dilation passes ih over, the tap is below 0,
// as no tap that a maximum stored.
template <class F> __device__ __forceinline__ void for_readers(const Pooling& p, int ih, int iw, F&& f) {
  for (int oh = p.h.first_reader(ih), end_h = p.h.end_reader(ih); oh < end_h; ++oh) {
    const int th = p.h.tap(ih, oh);
    for (int ow = p.w.first_reader(iw), end_w = p.w.end_reader(iw); ow < end_w; ++ow) {
      const int tw = p.w.tap(iw, ow);
      if (tw >= 0) f((int64_t(oh) * p.w.out + ow) * p.c, th * p.w.taps + tw, oh, ow);
    }
  }
}

}  // namespace mica
