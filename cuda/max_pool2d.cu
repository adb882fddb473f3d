#include "mica/core/ops/max_pool2d.h"
#include "mica/cuda/cudnn_table.h"
#include "mica/cuda/pool2d.h"
#include "mica/cuda/pool_choice.h"

namespace mica {
namespace {
// One thread finds V neighbouring channels of one pixel of y, and which tap each was. sizeof(T) bytes per element of x and of y, and sizeof(I)
// more where index is not null, if the caches hold what windows share. taps operations per element of y. Deterministic.
template <class T, class I, int V> __global__ void max_pool_kernel(Pooling p, Indices<4> pixels, const T* x, T* y, I* index) {
  using C = Compute<T>;
  const int64_t i = thread_number();
  if (i >= pixels.count) return;
  int64_t at[4];  // image, row, column, pack of channels
  pixels(i, at);
  C best[V];
  I tap[V];
#pragma unroll
  for (int j = 0; j < V; ++j) { best[j] = C(-INFINITY); tap[j] = 0; }
  bool any = false;
  for_taps<T, V>(p, int(at[1]), int(at[2]), x + at[0] * p.h.in * p.w.in * p.c + at[3] * V, [&](const Pack<T, V>& v, int number) {
#pragma unroll
    for (int j = 0; j < V; ++j) {
      const C one = wide(v.v[j]);
      if (!any || one > best[j] || one != one) { best[j] = one; tap[j] = I(number); }
    }
    any = true;
  });
  Pack<T, V> out;
  Pack<I, V> taps;
#pragma unroll
  for (int j = 0; j < V; ++j) { out.v[j] = narrow<T>(best[j]); taps.v[j] = tap[j]; }
  reinterpret_cast<Pack<T, V>*>(y)[i] = out;
  if (index) reinterpret_cast<Pack<I, V>*>(index)[i] = taps;
}

// One thread gathers the gradients of V neighbouring channels of one pixel of x, from the windows that have it, in their order: nothing is
// scattered, no atomics. sizeof(T) bytes per element of dx, sizeof(T) + sizeof(I) per element of dy. taps operations per element of dx.
// Deterministic.
template <class T, class I, int V> __global__ void max_pool_backward_kernel(Pooling p, Indices<4> pixels, const T* dy, const I* index, T* dx) {
  const int64_t i = thread_number();
  if (i >= pixels.count) return;
  int64_t at[4];
  pixels(i, at);
  Compute<T> total[V] = {};
  const int64_t image = at[0] * p.h.out * p.w.out * p.c + at[3] * V;
  for_readers(p, int(at[1]), int(at[2]), [&](int64_t o, int tap, int, int) {
    const Pack<I, V> taps = *reinterpret_cast<const Pack<I, V>*>(index + image + o);
    const Pack<T, V> d = *reinterpret_cast<const Pack<T, V>*>(dy + image + o);
#pragma unroll
    for (int j = 0; j < V; ++j) if (taps.v[j] == I(tap)) total[j] += wide(d.v[j]);
  });
  Pack<T, V> out;
#pragma unroll
  for (int j = 0; j < V; ++j) out.v[j] = narrow<T>(total[j]);
  reinterpret_cast<Pack<T, V>*>(dx)[i] = out;
}

template <class T, class I, int V> void max_forward(const Cuda& on, const Pooling& p, const Tensor& x, const Tensor& y, const Tensor& indices) {
  const Indices<4> pixels(p.n, p.h.out, p.w.out, p.c / V);
  launch(on, {blocks_for(pixels.count), block_threads}, max_pool_kernel<T, I, V>, p, pixels, output<T>(x), output<T>(y), indices ? output<I>(indices) : nullptr);
}
template <class T, class I, int V> void max_backward(const Cuda& on, const Pooling& p, const Tensor& dy, const Tensor& indices, const Tensor& dx) {
  const Indices<4> pixels(p.n, p.h.in, p.w.in, p.c / V);
  launch(on, {blocks_for(pixels.count), block_threads}, max_pool_backward_kernel<T, I, V>, p, pixels, output<T>(dy), output<I>(indices), output<T>(dx));
}

void forward(const Cuda& on, const Pooling& p, const Tensor& x, const Tensor& y, Tensor& indices) {
  const bool small = int64_t(p.h.taps) * p.w.taps <= 256;
  if (grad_enabled() && x.requires_grad()) indices = empty({p.n, p.h.out, p.w.out, p.c}, {small ? u8 : i32, x.device()});
  if (y.size() == 0) return;
  dispatch_float(x.dtype(), [&]<class T>(T) {
    if (!small) return max_forward<T, int32_t, 1>(on, p, x, y, indices);
    with_channels<T>(p.c, aligned_16(address(x)) && aligned_16(address(y)), [&](auto v) { max_forward<T, uint8_t, v>(on, p, x, y, indices); });
  });
}
void backward(const Cuda& on, const Pooling& p, const Tensor& indices, const Tensor& dy, const Tensor& dx) {
  if (dx.size() == 0) return;
  dispatch_float(dx.dtype(), [&]<class T>(T) {
    if (indices.dtype() == i32) return max_backward<T, int32_t, 1>(on, p, dy, indices, dx);
    with_channels<T>(p.c, aligned_16(address(dy)) && aligned_16(address(dx)), [&](auto v) { max_backward<T, uint8_t, v>(on, p, dy, indices, dx); });
  });
}

// By cuDNN, which has no dilation and no windows that begin or end outside the padded image.
template <class Run> bool by_cudnn(const op::MaxPool2d& o, const Tensor& x, const Tensor& y, Run run) {
  const auto pool = cudnn_pool_of(o, x, y, CudnnPoolMode::max);
  return o.dilation == Pair(1) && pool && run(*pool);
}
}  // namespace

namespace op {
void MaxPool2d::forward(const Cuda& on, const Tensor& x, Tensor& y, State& state) const {
  own_or_library(on, pool_key("max_pool2d", *this, dilation, x, y), "cudnn", has_cudnn() && y.size() > 0, [&] { mica::forward(on, pooling_of(*this, x, y), x, y, state.indices); }, [&] {
    if (!by_cudnn(*this, x, y, [&](const CudnnPool& pool) { return cudnn_pool_forward(on, pool, address(x), address(y)); })) return false;
    if (grad_enabled() && x.requires_grad()) state = {{}, x.detach(), y.detach()};
    return true;
  });
  if (state.indices) state.x = state.y = {};  // both ran, to be measured
}
void MaxPool2d::backward(const Cuda& on, const Tensor& x, const Tensor& y, const State& state, const Tensor& dy, Tensor& dx) const {
  if (state.indices || dx.size() == 0) return mica::backward(on, pooling_of(*this, x, y), state.indices, dy, dx);
  by_cudnn(*this, x, y, [&](const CudnnPool& pool) { return cudnn_pool_backward(on, pool, address(state.x), address(state.y), address(dy), address(dx)); });
}
void AdaptiveMaxPool2d::forward(const Cuda& on, const Tensor& x, Tensor& y, State& state) const { mica::forward(on, pooling_of(*this, x, y), x, y, state.indices); }
void AdaptiveMaxPool2d::backward(const Cuda& on, const Tensor& x, const Tensor& y, const State& state, const Tensor& dy, Tensor& dx) const {
  mica::backward(on, pooling_of(*this, x, y), state.indices, dy, dx);
}
}  // namespace op
}  // namespace mica
