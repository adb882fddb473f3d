#pragma once
#include "mica/core/ops/batch_norm.h"
#include "mica/cuda/number.h"
// Our own kernels of batch norm, and what they share. x is rows of c channels.
namespace mica {

// y = relu?((x - mean) / sqrt(var + eps) weight + bias + add?) as op::BatchNorm says; fills state, and updates the running statistics in training.
// With add and relu it writes a mask, a bit per element, so that backward need not read y. x is not empty.
void batch_norm_forward(const Cuda& on, const op::BatchNorm& o, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean, const Tensor& running_var,
                        const Tensor& add, const Tensor& y, op::BatchNorm::State& state);
// Any of dx, dweight and dbias may be undefined; dadd too, or without relu: then it is dy, and left to the caller. x is not empty.
void batch_norm_backward(const Cuda& on, const op::BatchNorm& o, const Tensor& x, const Tensor& weight, const Tensor& bias, bool added, const op::BatchNorm::State& state,
                         const Tensor& dy, const Tensor& dx, const Tensor& dweight, const Tensor& dbias, const Tensor& dadd);

namespace batch_norm_detail {
constexpr int most_across = 32;

// How blocks cover rows of c channels, `width` neighbours a thread: `across` x `down` threads, which stay with their channels and step down the
// rows of one of `parts` parts.
struct ChannelGrid {
  int64_t rows, c, part_rows;
  int width, columns, across, down, splits, parts;
  unsigned threads;
  ChannelGrid(int64_t rows, int64_t c, int width) : rows(rows), c(c), width(width), columns(int(c / width)) {
    splits = (columns + most_across - 1) / most_across;
    across = (columns + splits - 1) / splits;
    down = int(std::min<int64_t>(std::max(1, int(block_threads) / across), rows));
    threads = unsigned(across * down + 31) / 32 * 32;
    // Few parts: each leaves two numbers per channel to be read again. Enough for a large GPU.
    const int64_t least = std::max<int64_t>(256, 8 * down);
    parts = int(std::clamp<int64_t>(rows / least, 1, std::max(1, 512 / splits)));
    part_rows = (rows + parts - 1) / parts;
    parts = int((rows + part_rows - 1) / part_rows);
  }
  dim3 blocks() const { return dim3(unsigned(splits), unsigned(parts)); }
  __device__ __forceinline__ int64_t size_of(int part) const { return part + 1 < parts ? part_rows : rows - part * part_rows; }
};
// This thread's channels from `channel` on, and its rows of a part: first, first + down, ..., `count` of them.
struct Share {
  int64_t channel, first, count;
  __device__ Share(const ChannelGrid& g, int part) {
    const int t = int(threadIdx.x), column = int(blockIdx.x) * g.across + t % g.across, row = t / g.across;
    channel = int64_t(column) * g.width;
    first = part * g.part_rows + row;
    count = row >= g.down || column >= g.columns || row >= g.size_of(part) ? 0 : (g.size_of(part) - row + g.down - 1) / g.down;
  }
};

// y = (x - mean) scale + shift of one channel in C, where shift makes up for what rounding took from the mean. Forward and backward must agree.
template <class C> struct Affine {
  C mean, scale, shift;
};
struct Parameters {
  const double *mean, *inverse_std;
  const void *weight, *bias;  // or null: 1 and 0
  DType weight_dtype, bias_dtype;
  Parameters(const op::BatchNorm::State& state, const Tensor& w, const Tensor& b);
  template <class C> __device__ __forceinline__ Affine<C> of(int64_t channel) const {
    const double m = mean[channel], scale = (weight ? load<double>(weight, weight_dtype, channel) : 1.0) * inverse_std[channel];
    return {C(m), C(scale), C(std::fma(-(m - double(C(m))), scale, bias ? load<double>(bias, bias_dtype, channel) : 0.0))};
  }
};

template <class T, int width> __device__ __forceinline__ Pack<T, width> pack_at(const T* p) { return *reinterpret_cast<const Pack<T, width>*>(p); }

// Adds up what the threads of a block have for the same channel (two numbers a channel, in shared memory: sums[2 j][thread] and sums[2 j + 1][thread]
// of its channel j), and calls f(channel in the block, first sum, second sum).
template <int width, class C, class F> __device__ __forceinline__ void for_channels(const ChannelGrid& g, const C (*sums)[block_threads], F&& f) {
  __syncthreads();
  const int channels = g.across * width;
  for (int k = int(threadIdx.x); k < channels; k += int(blockDim.x)) {
    if (int64_t(blockIdx.x) * channels + k >= g.c) break;
    double a = 0, b = 0;
    for (int r = 0; r < g.down; ++r) {
      a += double(sums[2 * (k % width)][r * g.across + k / width]);
      b += double(sums[2 * (k % width) + 1][r * g.across + k / width]);
    }
    f(k, a, b);
  }
}
}  // namespace batch_norm_detail
}  // namespace mica
