#include "mica/core/ops/avg_pool2d.h"
#include "mica/cuda/cudnn_table.h"
#include "mica/cuda/pool2d.h"
#include "mica/cuda/pool_choice.h"

namespace mica {
namespace {
// One thread averages V neighbouring channels over one pixel's window. sizeof(T) bytes per element of x and of y, if the caches hold what windows
// share. taps operations per element of y. Deterministic.
template <class T, int V> __global__ void avg_pool_kernel(Pooling p, Indices<4> pixels, const T* x, T* y) {
  const int64_t i = thread_number();
  if (i >= pixels.count) return;
  int64_t at[4];  // image, row, column, pack of channels
  pixels(i, at);
  Compute<T> total[V] = {};
  for_taps<T, V>(p, int(at[1]), int(at[2]), x + at[0] * p.h.in * p.w.in * p.c + at[3] * V, [&](const Pack<T, V>& v, int) {
#pragma unroll
    for (int j = 0; j < V; ++j) total[j] += wide(v.v[j]);
  });
  const auto divisor = Compute<T>(int64_t(p.h.divisor(int(at[1]))) * p.w.divisor(int(at[2])));
  Pack<T, V> out;
#pragma unroll
  for (int j = 0; j < V; ++j) out.v[j] = narrow<T>(total[j] / divisor);
  reinterpret_cast<Pack<T, V>*>(y)[i] = out;
}

// One thread gathers the gradients of V neighbouring channels of one pixel of x, from the windows that have it, in their order. sizeof(T) bytes
// per element of dx and of dy. taps operations per element of dx. Deterministic.
template <class T, int V> __global__ void avg_pool_backward_kernel(Pooling p, Indices<4> pixels, const T* dy, T* dx) {
  using C = Compute<T>;
  const int64_t i = thread_number();
  if (i >= pixels.count) return;
  int64_t at[4];
  pixels(i, at);
  C total[V] = {};
  const int64_t image = at[0] * p.h.out * p.w.out * p.c + at[3] * V;
  for_readers(p, int(at[1]), int(at[2]), [&](int64_t o, int, int oh, int ow) {
    const Pack<T, V> d = *reinterpret_cast<const Pack<T, V>*>(dy + image + o);
    const C divisor = C(int64_t(p.h.divisor(oh)) * p.w.divisor(ow));
#pragma unroll
    for (int j = 0; j < V; ++j) total[j] += wide(d.v[j]) / divisor;
  });
  Pack<T, V> out;
#pragma unroll
  for (int j = 0; j < V; ++j) out.v[j] = narrow<T>(total[j]);
  reinterpret_cast<Pack<T, V>*>(dx)[i] = out;
}

void forward(const Cuda& on, const Pooling& p, const Tensor& x, const Tensor& y) {
  if (y.size() == 0) return;
  dispatch_float(x.dtype(), [&]<class T>(T) {
    with_channels<T>(p.c, aligned_16(address(x)) && aligned_16(address(y)), [&](auto v) {
      const Indices<4> pixels(p.n, p.h.out, p.w.out, p.c / v);
      launch(on, {blocks_for(pixels.count), block_threads}, avg_pool_kernel<T, v>, p, pixels, output<T>(x), output<T>(y));
    });
  });
}
void backward(const Cuda& on, const Pooling& p, const Tensor& dy, const Tensor& dx) {
  if (dx.size() == 0) return;
  dispatch_float(dx.dtype(), [&]<class T>(T) {
    with_channels<T>(p.c, aligned_16(address(dy)) && aligned_16(address(dx)), [&](auto v) {
      const Indices<4> pixels(p.n, p.h.in, p.w.in, p.c / v);
      launch(on, {blocks_for(pixels.count), block_threads}, avg_pool_backward_kernel<T, v>, p, pixels, output<T>(dy), output<T>(dx));
    });
  });
}

CudnnPoolMode average_mode(const op::AvgPool2d& o) { return o.count_padding ? CudnnPoolMode::average : CudnnPoolMode::average_without_padding; }
ChoiceKey average_key(const op::AvgPool2d& o, bool forward, const Tensor& x, const Tensor& y) {
  ChoiceKey key = pool_key("avg_pool2d", o, 1, x, y);
  key.sizes[size_t(key.n++)] = o.count_padding;
  key.sizes[size_t(key.n++)] = forward;
  return key;
}
}  // namespace

namespace op {
void AvgPool2d::forward(const Cuda& on, const Tensor& x, Tensor& y) const {
  own_or_library(on, average_key(*this, true, x, y), "cudnn", has_cudnn() && y.size() > 0, [&] { mica::forward(on, pooling_of(*this, x, y), x, y); }, [&] {
    const auto pool = cudnn_pool_of(*this, x, y, average_mode(*this));
    return pool && cudnn_pool_forward(on, *pool, address(x), address(y));
  });
}
void AvgPool2d::backward(const Cuda& on, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const {
  own_or_library(on, average_key(*this, false, x, y), "cudnn", has_cudnn() && dx.size() > 0, [&] { mica::backward(on, pooling_of(*this, x, y), dy, dx); }, [&] {
    const auto pool = cudnn_pool_of(*this, x, y, average_mode(*this));
    return pool && cudnn_pool_backward(on, *pool, address(dx), address(dy), address(dy), address(dx));  // of x and y it reads nothing for a mean
  });
}
void AdaptiveAvgPool2d::forward(const Cuda& on, const Tensor& x, Tensor& y) const { mica::forward(on, pooling_of(*this, x, y), x, y); }
void AdaptiveAvgPool2d::backward(const Cuda& on, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const { mica::backward(on, pooling_of(*this, x, y), dy, dx); }
void GlobalAvgPool2d::backward(const Cuda& on, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const { mica::backward(on, pooling_of(*this, x, y), dy, dx); }
}  // namespace op
}  // namespace mica
