#include "mica/cuda/batch_norm.h"
#include "mica/core/kernels.h"
#include "mica/cuda/fold.h"
// dbias = sum g, dweight = sum g (x - mean) inverse_std, dx = weight inverse_std (g - (dbias + (x - mean) inverse_std dweight) / rows), where g is dy
// behind relu; outside training mean and variance are constants and dx = weight inverse_std g. One read of x, dy (and the mask) for the sums, one
// for dx, from the last row to the first. With a gradient for add the first writes g, which the second reads in place of dy and the mask.
namespace mica {
using namespace batch_norm_detail;
namespace {
enum class Mask { none, from_x, bits };  // where relu let through: everywhere; recomputed from x as in forward; what forward wrote
struct Sums { double g, gx; };           // of g, and of g (x - mean) with the rounded mean

// The mask that forward wrote, a byte for 1 << shift elements.
struct Bits {
  const uint8_t* bytes;
  int shift;
  template <int width> __device__ __forceinline__ unsigned of(int64_t at) const {  // of `width` elements; width is 1 or as in forward
    return width > 1 ? bytes[at / width] : bytes[at >> shift] >> (at & ((1 << shift) - 1));
  }
};
template <Mask mask, int width, class C> __device__ __forceinline__ C masked(C dy, C d, const Affine<C>& a, unsigned bits, int j) {
  if constexpr (mask == Mask::from_x) return std::fma(d, a.scale, a.shift) > C(0) ? dy : C(0);
  else if constexpr (mask == Mask::bits) return bits >> j & 1 ? dy : C(0);
  else return dy;
}

// The sums over a block's rows and channels. 2 sizeof(T) bytes per element, 3 where it writes g, and a bit for the mask;
// 6 operations per element. Deterministic.
template <class T, int width, Mask mask, bool writes> __global__ void __launch_bounds__(block_threads)
batch_norm_reduce_kernel(ChannelGrid g, Parameters parameters, Bits bits, const T* __restrict__ x, const T* __restrict__ dy, T* __restrict__ out, Sums* __restrict__ partial) {
  using C = Compute<T>;
  MICA_SHARED(C, sums, [2 * width][block_threads]);
  const int part = int(blockIdx.y), t = int(threadIdx.x);
  const Share s(g, part);
  C total[width] = {}, product[width] = {};
  if (s.count > 0) {
    Affine<C> a[width];
#pragma unroll
    for (int j = 0; j < width; ++j) a[j] = parameters.template of<C>(s.channel + j);
    int64_t at = s.first * g.c + s.channel;
    const int64_t step = g.down * g.c;
#pragma unroll 4
    for (int64_t i = 0; i < s.count; ++i, at += step) {
      const auto v = pack_at<T, width>(x + at), d = pack_at<T, width>(dy + at);
      const unsigned m = mask == Mask::bits ? bits.template of<width>(at) : 0;
      Pack<T, width> kept;
#pragma unroll
      for (int j = 0; j < width; ++j) {
        const C from_mean = wide(v.v[j]) - a[j].mean, gradient = masked<mask, width>(wide(d.v[j]), from_mean, a[j], m, j);
        total[j] += gradient;
        product[j] += gradient * from_mean;
        if constexpr (writes) kept.v[j] = narrow<T>(gradient);
      }
      if constexpr (writes) *reinterpret_cast<Pack<T, width>*>(out + at) = kept;
    }
  }
#pragma unroll
  for (int j = 0; j < width; ++j) {
    sums[2 * j][t] = total[j];
    sums[2 * j + 1][t] = product[j];
  }
  for_channels<width>(g, &sums[0], [&](int k, double a, double b) { partial[part * g.c + int64_t(blockIdx.x) * g.across * width + k] = {a, b}; });
}

// dx = a g + slope (x - mean) + constant, with the rounded mean.
template <class C> struct Slope { C a, slope, constant; };

// The gradients of weight and bias, and what dx is made from, from the sums of `parts` parts (or none): 32 channels a block, in order.
// 16 bytes per part and channel, 2 operations per part and channel. Deterministic.
template <class C> __global__ void batch_norm_sums_kernel(ChannelGrid g, int parts, bool training, Parameters parameters, const Sums* partial, void* dweight, DType dweight_dtype, void* dbias,
                                                          DType dbias_dtype, Slope<C>* slopes) {
  MICA_SHARED(double, first, [32][33]);
  MICA_SHARED(double, second, [32][33]);
  const int64_t channel = int64_t(blockIdx.x) * 32 + threadIdx.x;
  const bool idle = channel >= g.c;
  double sum = 0, product = 0;
#pragma unroll 4
  for (int p = int(threadIdx.y); p < (idle ? 0 : parts); p += int(blockDim.y)) {
    const Sums s = partial[p * g.c + channel];
    sum += s.g;
    product += s.gx;
  }
  first[threadIdx.y][threadIdx.x] = sum;
  second[threadIdx.y][threadIdx.x] = product;
  __syncthreads();
  if (idle || threadIdx.y != 0) return;
  sum = product = 0;
  for (unsigned i = 0; i < blockDim.y; ++i) { sum += first[i][threadIdx.x]; product += second[i][threadIdx.x]; }
  const double mean = parameters.mean[channel], lost = mean - double(C(mean)), inverse_std = parameters.inverse_std[channel];
  product = (product - lost * sum) * inverse_std;
  if (dweight) store(dweight, dweight_dtype, channel, product);
  if (dbias) store(dbias, dbias_dtype, channel, sum);
  const double a = (parameters.weight ? load<double>(parameters.weight, parameters.weight_dtype, channel) : 1.0) * inverse_std;
  const double slope = training ? -a * inverse_std * product / double(g.rows) : 0, constant = training ? -a * sum / double(g.rows) - slope * lost : 0;
  slopes[channel] = {C(a), C(slope), C(constant)};
}

// A thread takes `width` channels of its rows, last to first. 3 sizeof(T) bytes per element, and a bit for the mask; 8 operations per element.
// Deterministic.
template <class T, int width, Mask mask> __global__ void __launch_bounds__(block_threads)
batch_norm_gradient_kernel(ChannelGrid g, Parameters parameters, const Slope<Compute<T>>* slopes, Bits bits, const T* __restrict__ x, const T* __restrict__ dy, T* __restrict__ dx) {
  using C = Compute<T>;
  const Share s(g, int(gridDim.y - 1 - blockIdx.y));
  if (s.count == 0) return;
  Affine<C> a[width];
  Slope<C> k[width];
#pragma unroll
  for (int j = 0; j < width; ++j) {
    a[j] = parameters.template of<C>(s.channel + j);
    k[j] = slopes[s.channel + j];
  }
  int64_t at = (s.first + (s.count - 1) * g.down) * g.c + s.channel;
  const int64_t step = g.down * g.c;
#pragma unroll 4
  for (int64_t i = 0; i < s.count; ++i, at -= step) {
    const auto v = pack_at<T, width>(x + at), d = pack_at<T, width>(dy + at);
    const unsigned m = mask == Mask::bits ? bits.template of<width>(at) : 0;
    Pack<T, width> out;
#pragma unroll
    for (int j = 0; j < width; ++j) {
      const C from_mean = wide(v.v[j]) - a[j].mean, gradient = masked<mask, width>(wide(d.v[j]), from_mean, a[j], m, j);
      out.v[j] = narrow<T>(std::fma(k[j].a, gradient, std::fma(k[j].slope, from_mean, k[j].constant)));
    }
    *reinterpret_cast<Pack<T, width>*>(dx + at) = out;
  }
}

template <class T, int width> void backward(const Cuda& on, const op::BatchNorm& o, Mask mask, const Tensor& x, const Tensor& weight, const Tensor& bias,
                                            const op::BatchNorm::State& state, const Tensor& dy, const Tensor& dx, const Tensor& dweight, const Tensor& dbias, const Tensor& dadd) {
  using C = Compute<T>;
  const int64_t c = x.size(1);
  const ChannelGrid g(x.size() / c, c, width);
  const Parameters parameters(state, weight, bias);
  const Bits bits{mask == Mask::bits ? output<uint8_t>(state.mask) : nullptr, mask == Mask::bits ? std::countr_zero(uint64_t(x.size() / state.mask.size())) : 0};
  const T *px = output<T>(x), *pd = output<T>(dy);
  const bool sums = dweight || dbias || dadd || (dx && o.training);
  const Scratch partial(on, sums ? size_t(g.parts * c) * sizeof(Sums) : 0), slopes(on, size_t(c) * sizeof(Slope<C>));
  const auto reduce = [&](auto kernel) {
    launch(on, {g.blocks(), g.threads}, kernel, g, parameters, bits, px, pd, dadd ? output<T>(dadd) : nullptr, partial.as<Sums>());
  };
  if (sums) {
    if (mask == Mask::none) reduce(batch_norm_reduce_kernel<T, width, Mask::none, false>);
    else if (mask == Mask::from_x) reduce(batch_norm_reduce_kernel<T, width, Mask::from_x, false>);
    else if (dadd) reduce(batch_norm_reduce_kernel<T, width, Mask::bits, true>);
    else reduce(batch_norm_reduce_kernel<T, width, Mask::bits, false>);
  }
  if (!sums && !dx) return;
  const int parts = sums ? g.parts : 0;
  launch(on, {blocks_for(c, 32), dim3(32, unsigned(std::clamp(parts, 1, 32)))}, batch_norm_sums_kernel<C>, g, parts, o.training, parameters, partial.as<Sums>(),
         dweight ? address(dweight) : nullptr, dweight ? dweight.dtype() : f32, dbias ? address(dbias) : nullptr, dbias ? dbias.dtype() : f32, slopes.as<Slope<C>>());
  if (!dx) return;
  const auto gradient = [&](auto kernel) {
    launch(on, {g.blocks(), g.threads}, kernel, g, parameters, slopes.as<Slope<C>>(), bits, px, dadd ? output<T>(dadd) : pd, output<T>(dx));
  };
  if (dadd || mask == Mask::none) gradient(batch_norm_gradient_kernel<T, width, Mask::none>);
  else if (mask == Mask::from_x) gradient(batch_norm_gradient_kernel<T, width, Mask::from_x>);
  else gradient(batch_norm_gradient_kernel<T, width, Mask::bits>);
}
}  // namespace

void batch_norm_backward(const Cuda& on, const op::BatchNorm& o, const Tensor& x, const Tensor& weight, const Tensor& bias, bool added, const op::BatchNorm::State& state,
                         const Tensor& dy, const Tensor& dx, const Tensor& dweight, const Tensor& dbias, const Tensor& dadd) {
  const Mask mask = !o.relu ? Mask::none : added ? Mask::bits : Mask::from_x;
  dispatch_float(x.dtype(), [&]<class T>(T) {
    constexpr int width = per_16_bytes<T>;
    bool vectors = x.size(1) % width == 0 && (mask != Mask::bits || state.mask.size() * width == x.size());
    for (const Tensor* t : {&x, &dy, &dx, &dadd}) vectors &= !*t || aligned_16(output<T>(*t));
    if (vectors) backward<T, width>(on, o, mask, x, weight, bias, state, dy, dx, dweight, dbias, dadd);
    else backward<T, 1>(on, o, mask, x, weight, bias, state, dy, dx, dweight, dbias, dadd);
  });
}

}  // namespace mica
