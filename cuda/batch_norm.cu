#include "mica/cuda/batch_norm.h"
#include "mica/core/kernels.h"
#include "mica/cuda/choice.h"
#include "mica/cuda/cudnn_norm.h"
#include "mica/cuda/cudnn_table.h"
#include "mica/cuda/fold.h"
// Forward: one read for the moments, one read (two with add) and one write for y, from the last row to the first, whose end is still in the cache.
namespace mica {
namespace batch_norm_detail {
Parameters::Parameters(const op::BatchNorm::State& state, const Tensor& w, const Tensor& b)
    : mean(output<double>(state.mean)), inverse_std(output<double>(state.inverse_std)), weight(w ? address(w) : nullptr), bias(b ? address(b) : nullptr),
      weight_dtype(w ? w.dtype() : f32), bias_dtype(b ? b.dtype() : f32) {}
}  // namespace batch_norm_detail
using namespace batch_norm_detail;

namespace {
struct Moments { double mean, m2; };  // of a part's rows: the mean, and the sum of squared differences from it

// The moments of a block's rows and channels. Values are taken relative to the mean of the part's first four rows, so that the square of what is
// taken off is no larger than their spread. sizeof(T) bytes per element, 4 operations per element. Deterministic.
template <class T, int width> __global__ void __launch_bounds__(block_threads) batch_norm_moments_kernel(ChannelGrid g, const T* __restrict__ x, Moments* __restrict__ moments) {
  using C = Compute<T>;
  MICA_SHARED(C, sums, [2 * width][block_threads]);
  MICA_SHARED(C, origins, [most_across * width]);
  const int part = int(blockIdx.y), t = int(threadIdx.x);
  const Share s(g, part);
  C origin[width] = {}, a[width] = {}, b[width] = {};
  if (s.count > 0) {
    const int64_t first = part * g.part_rows, n = min(int64_t(4), g.size_of(part));
    for (int64_t r = first; r < first + n; ++r) {
      const auto v = pack_at<T, width>(x + r * g.c + s.channel);
#pragma unroll
      for (int j = 0; j < width; ++j) origin[j] += wide(v.v[j]) / C(n);
    }
    const T* from = x + s.first * g.c + s.channel;
    const int64_t step = g.down * g.c;
#pragma unroll 4
    for (int64_t i = 0; i < s.count; ++i, from += step) {
      const auto v = pack_at<T, width>(from);
#pragma unroll
      for (int j = 0; j < width; ++j) {
        const C d = wide(v.v[j]) - origin[j];
        a[j] += d;
        b[j] += d * d;
      }
    }
  }
#pragma unroll
  for (int j = 0; j < width; ++j) {
    sums[2 * j][t] = a[j];
    sums[2 * j + 1][t] = b[j];
    if (t < g.across) origins[t * width + j] = origin[j];
  }
  const double n = double(g.size_of(part));
  for_channels<width>(g, &sums[0], [&](int k, double a, double b) {
    const double m2 = b - a * a / n;
    moments[part * g.c + int64_t(blockIdx.x) * g.across * width + k] = {double(origins[k]) + a / n, m2 < 0 ? 0 : m2};
  });
}

// The batch's statistics from those of the parts: 32 channels a block, 32 threads each. Chan, Golub and LeVeque 1983.
// 16 bytes per part and channel, 9 operations per part and channel. Deterministic.
__global__ void batch_norm_statistics_kernel(ChannelGrid g, const Moments* moments, double eps, double momentum, double* mean, double* inverse_std, void* running_mean, void* running_var,
                                             DType running_dtype) {
  MICA_SHARED(double, sums, [32][33]);
  const int64_t channel = int64_t(blockIdx.x) * 32 + threadIdx.x;
  const auto total = [&](double mine) {  // over the threads of a channel, in order
    __syncthreads();
    sums[threadIdx.y][threadIdx.x] = mine;
    __syncthreads();
    double all = 0;
    for (unsigned i = 0; i < blockDim.y; ++i) all += sums[i][threadIdx.x];
    return all;
  };
  const bool idle = channel >= g.c;
  const double rows = double(g.rows);
  double mine = 0;
#pragma unroll 4
  for (int p = int(threadIdx.y); p < (idle ? 0 : g.parts); p += int(blockDim.y)) mine += double(g.size_of(p)) * moments[p * g.c + channel].mean;
  const double m = total(mine) / rows;
  mine = 0;
#pragma unroll 4
  for (int p = int(threadIdx.y); p < (idle ? 0 : g.parts); p += int(blockDim.y)) {
    const Moments part = moments[p * g.c + channel];
    mine += part.m2 + double(g.size_of(p)) * (part.mean - m) * (part.mean - m);
  }
  const double m2 = total(mine);
  if (idle || threadIdx.y != 0) return;
  mean[channel] = m;
  inverse_std[channel] = 1 / std::sqrt(m2 / rows + eps);
  if (!running_mean) return;
  const double rm = load<double>(running_mean, running_dtype, channel), rv = load<double>(running_var, running_dtype, channel);
  store(running_mean, running_dtype, channel, rm + momentum * (m - rm));
  store(running_var, running_dtype, channel, rv + momentum * (m2 / (rows - 1) - rv));
}
// One thread prepares one channel for inference: (2 sizeof(T) + 16) bytes per channel, 3 operations per channel. Deterministic.
__global__ void batch_norm_running_kernel(int64_t c, const void* running_mean, const void* running_var, DType dtype, double eps, double* mean, double* inverse_std) {
  const int64_t channel = thread_number();
  if (channel >= c) return;
  mean[channel] = load<double>(running_mean, dtype, channel);
  inverse_std[channel] = 1 / std::sqrt(load<double>(running_var, dtype, channel) + eps);
}

// A thread normalises `width` channels of its rows, last to first. 2 sizeof(T) bytes per element, 3 with add, and a bit for the mask: a byte for
// `width` elements; 5 operations per element. Deterministic.
template <class T, int width, bool added> __global__ void __launch_bounds__(block_threads) batch_norm_kernel(ChannelGrid g, Parameters parameters, bool relu, const T* __restrict__ x,
                                                                                                           const T* __restrict__ add, T* __restrict__ y, uint8_t* __restrict__ mask) {
  using C = Compute<T>;
  const Share s(g, int(gridDim.y - 1 - blockIdx.y));
  if (s.count == 0) return;
  Affine<C> a[width];
#pragma unroll
  for (int j = 0; j < width; ++j) a[j] = parameters.template of<C>(s.channel + j);
  int64_t at = (s.first + (s.count - 1) * g.down) * g.c + s.channel;
  const int64_t step = g.down * g.c;
#pragma unroll 4
  for (int64_t i = 0; i < s.count; ++i, at -= step) {
    const auto v = pack_at<T, width>(x + at);
    Pack<T, width> z, out;
    if constexpr (added) z = pack_at<T, width>(add + at);
    unsigned bits = 0;
#pragma unroll
    for (int j = 0; j < width; ++j) {
      C r = std::fma(wide(v.v[j]) - a[j].mean, a[j].scale, a[j].shift);
      if constexpr (added) r += wide(z.v[j]);
      bits |= unsigned(r > C(0)) << j;
      out.v[j] = narrow<T>(relu && r < C(0) ? C(0) : r);
    }
    *reinterpret_cast<Pack<T, width>*>(y + at) = out;
    if constexpr (added) if (mask) mask[at / width] = uint8_t(bits);
  }
}

template <class T, int width> void forward(const Cuda& on, const op::BatchNorm& o, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                                           const Tensor& running_var, const Tensor& add, const Tensor& y, op::BatchNorm::State& state) {
  const int64_t c = x.size(1);
  const ChannelGrid g(x.size() / c, c, width);
  double *mean = output<double>(state.mean), *inverse_std = output<double>(state.inverse_std);
  void *rm = running_mean ? address(running_mean) : nullptr, *rv = running_var ? address(running_var) : nullptr;
  const DType running_dtype = running_mean ? running_mean.dtype() : f32;
  const T* from = output<T>(x);
  if (o.training) {
    const Scratch moments(on, size_t(g.parts * c) * sizeof(Moments));
    launch(on, {g.blocks(), g.threads}, batch_norm_moments_kernel<T, width>, g, from, moments.as<Moments>());
    launch(on, {blocks_for(c, 32), dim3(32, unsigned(std::min(g.parts, 32)))}, batch_norm_statistics_kernel, g, moments.as<Moments>(), o.eps, o.momentum, mean, inverse_std, rm, rv,
           running_dtype);
  } else {
    launch(on, {blocks_for(c), block_threads}, batch_norm_running_kernel, c, rm, rv, running_dtype, o.eps, mean, inverse_std);
  }
  const Parameters parameters(state, weight, bias);
  if (add && o.relu && grad_enabled()) state.mask = empty({x.size() / width}, {u8, x.device()});
  if (add) launch(on, {g.blocks(), g.threads}, batch_norm_kernel<T, width, true>, g, parameters, o.relu, from, output<T>(add), output<T>(y), state.mask ? output<uint8_t>(state.mask) : nullptr);
  else launch(on, {g.blocks(), g.threads}, batch_norm_kernel<T, width, false>, g, parameters, o.relu, from, nullptr, output<T>(y), nullptr);
}
}  // namespace

void batch_norm_forward(const Cuda& on, const op::BatchNorm& o, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean, const Tensor& running_var,
                        const Tensor& add, const Tensor& y, op::BatchNorm::State& state) {
  state.mean = empty({x.size(1)}, {f64, x.device()});
  state.inverse_std = empty({x.size(1)}, {f64, x.device()});
  dispatch_float(x.dtype(), [&]<class T>(T) {
    constexpr int width = per_16_bytes<T>;
    const bool vectors = x.size(1) % width == 0 && aligned_16(output<T>(x)) && aligned_16(output<T>(y)) && (!add || aligned_16(output<T>(add)));
    if (vectors) forward<T, width>(on, o, x, weight, bias, running_mean, running_var, add, y, state);
    else forward<T, 1>(on, o, x, weight, bias, running_mean, running_var, add, y, state);
  });
}

namespace {
// By cuDNN: training, of f32 parameters; with relu, or add and relu, in f16 (cudnn_norm.h). Its statistics are f32, mica's f64: that tells backward.
bool cudnn_has(const op::BatchNorm& o, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& add) {
  const bool fused = o.relu ? x.dtype() == f16 : !add;
  return has_cudnn() && o.training && fused && x.dtype() != f64 && weight && bias && weight.dtype() == f32 && bias.dtype() == f32;
}
CudnnNorm cudnn_norm_of(const op::BatchNorm& o, const Tensor& x, const Tensor& add) { return {x.dtype(), x.size() / x.size(1), x.size(1), 1, 1, o.eps, o.relu, bool(add)}; }
bool cudnn_forward(const Cuda& on, const op::BatchNorm& o, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean, const Tensor& running_var, const Tensor& add,
                   const Tensor& y, op::BatchNorm::State& state) {
  const CudnnNorm n = cudnn_norm_of(o, x, add);
  const int64_t reserve = cudnn_norm_reserve(on, n);
  if (reserve < 0) return false;
  state.mean = empty({x.size(1)}, {f32, x.device()});
  state.inverse_std = empty({x.size(1)}, {f32, x.device()});
  state.mask = reserve ? empty({reserve}, {u8, x.device()}) : Tensor();
  const auto at = [](const Tensor& t) -> void* { return t ? address(t) : nullptr; };
  return cudnn_norm_forward(on, n, {address(x), at(add), address(weight), address(bias), address(y), at(running_mean), at(running_var), address(state.mean), address(state.inverse_std),
                                    at(state.mask), o.momentum});
}
}  // namespace

void op::BatchNorm::forward(const Cuda& on, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean, const Tensor& running_var, const Tensor& add,
                            Tensor& y, State& state) const {
  if (x.size() == 0) return;
  const bool in_cudnn = cudnn_has(*this, x, weight, bias, add);
  const ChoiceKey key("batch_norm", {int64_t(x.dtype()), x.size() / x.size(1), x.size(1), relu, bool(add), training, in_cudnn, weight ? 1 + int64_t(weight.dtype()) : 0,
                                     bias ? 1 + int64_t(bias.dtype()) : 0});
  if (!chosen(on, key)) {  // without running statistics: they may be updated once only
    std::vector<Candidate> all;
    all.push_back({{"mica", ""}, [&] {
      State unused;
      batch_norm_forward(on, *this, x, weight, bias, training ? Tensor() : running_mean, training ? Tensor() : running_var, add, y, unused);
      return true;
    }});
    if (in_cudnn) all.push_back({{"cudnn", ""}, [&] { State unused; return cudnn_forward(on, *this, x, weight, bias, {}, {}, add, y, unused); }});
    choose(on, key, std::move(all));
  }
  if (chosen(on, key)->implementation == "cudnn" && cudnn_forward(on, *this, x, weight, bias, running_mean, running_var, add, y, state)) return;
  state = {};
  batch_norm_forward(on, *this, x, weight, bias, running_mean, running_var, add, y, state);
}
void op::BatchNorm::backward(const Cuda& on, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor&, const Tensor&, const Tensor& add, const Tensor& y, const State& state,
                             const Tensor& dy, Tensor& dx, Tensor& dweight, Tensor& dbias, Tensor&, Tensor&, Tensor& dadd) const {
  if (dadd) dadd = relu ? empty(add.shape(), {add.dtype(), add.device()}, Layout::channels_last) : dy;
  if (x.size() == 0) {
    for (const Tensor* t : {&dweight, &dbias}) if (*t) fill_kernel(on, 0, *t);
    return;
  }
  if (state.mean.dtype() == f64) return batch_norm_backward(on, *this, x, weight, bias, bool(add), state, dy, dx, dweight, dbias, relu ? dadd : Tensor());
  // cuDNN computes all of them.
  const auto like_x = [&](const Tensor& wanted) { return wanted ? wanted : empty(x.shape(), {x.dtype(), x.device()}, Layout::channels_last); };
  const Tensor to_x = like_x(dx), to_add = add ? like_x(dadd) : Tensor(), to_weight = dweight ? dweight : empty_like(weight), to_bias = dbias ? dbias : empty_like(bias);
  const auto at = [](const Tensor& t) -> void* { return t ? address(t) : nullptr; };
  if (!cudnn_norm_backward(on, cudnn_norm_of(*this, x, add), {address(x), relu ? address(y) : nullptr, address(dy), address(weight), address(bias), address(state.mean),
                                                              address(state.inverse_std), at(state.mask), address(to_x), at(to_add), address(to_weight), address(to_bias)}))
    throw Error("cuDNN has this layer's forward, but not its backward");
}

}  // namespace mica
