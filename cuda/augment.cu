#include "mica/core/ops/augment.h"
#include "mica/cuda/strided.h"

namespace mica {
namespace {
constexpr int packs = 4;            // of 16 bytes that a thread makes: a block's copy of the table then costs a tenth of its work
constexpr int shared_channels = 4;  // whose table a block copies

// One line of the result: column x shows column start + step x of the crop, black outside [0, w), from `from`. 32 bits do: out() limits what a line is.
struct Line {
  const uint8_t* from;
  int w, start, step, shift;
  __device__ __forceinline__ int operator()(int x, int k, int c) const {
    const int u = start + step * x;
    return unsigned(u) < unsigned(w) ? from[min(max(u + shift, 0), w - 1) * c + k] : 0;
  }
};
struct Views {
  Indices<4> elements;  // of y: image, row, column, channel
  int64_t h;            // of pixels
  int w, out_w, c;
  const uint8_t* pixels;
  const int32_t* draws;  // null: all 0
  __device__ __forceinline__ Line line(int64_t image, int64_t y) const {
    int32_t d[5] = {};
    if (draws)
#pragma unroll
      for (int j = 0; j < 5; ++j) d[j] = draws[5 * image + j];
    const int64_t v = y + d[0];
    if (v < 0 || v >= h) return {nullptr, 0, 0, 0, 0};
    const int crop = min(max(d[1], -out_w), w), shift = min(max(d[3], -w), w);  // all that lie further are alike
    const uint8_t* const from = pixels + (image * h + min(max(v + d[2], int64_t(0)), h - 1)) * w * c;
    return d[4] ? Line{from, w, out_w - 1 + crop, -1, shift} : Line{from, w, crop, 1, shift};
  }
};

// One thread makes four times 16 bytes of y's memory, whatever pixels, lines and images they lie in; its block has copied the table to shared memory, where
// all lanes' lookups take a few cycles, unless it has many channels. Values are only copied, so that W is any word of their size.
// sizeof(W) + 1 bytes per element. 20 operations per element. Deterministic.
template <class W, bool shared> __global__ void augment_kernel(Views views, const W* table, W* y) {
  constexpr int width = per_16_bytes<W>;
  const int c = views.c;
  const W* values = table;
  if constexpr (shared) {
    MICA_SHARED(W, kept, [shared_channels * 256]);
    for (int i = int(threadIdx.x); i < c * 256; i += int(blockDim.x)) kept[i] = table[i];
    __syncthreads();
    values = kept;
  }
  for (int p = 0; p < packs; ++p) {
    const int64_t first = ((int64_t(blockIdx.x) * packs + p) * blockDim.x + threadIdx.x) * width;
    if (first >= views.elements.count) return;
    int64_t at[4];
    views.elements(first, at);
    Line line = views.line(at[0], at[1]);
    int x = int(at[2]), k = int(at[3]);
    Pack<W, width> out;
#pragma unroll
    for (int e = 0; e < width; ++e) {
      out.v[e] = values[k * 256 + line(x, k, c)];
      if (++k < c) continue;
      k = 0;
      if (++x < views.out_w) continue;
      x = 0;
      if (++at[1] == views.elements.size[1]) { at[1] = 0; ++at[0]; }
      if (at[0] < views.elements.size[0]) line = views.line(at[0], at[1]);  // past the last element: what is made of the old line is not stored
    }
    if (first + width <= views.elements.count) {
      *reinterpret_cast<Pack<W, width>*>(y + first) = out;
    } else {
#pragma unroll
      for (int e = 0; e < width; ++e) if (first + e < views.elements.count) y[first + e] = out.v[e];
    }
  }
}

template <class W> void run(const Cuda& on, const Views& views, const Tensor& table, const Tensor& y) {
  const dim3 blocks = blocks_for(y.size(), int64_t(block_threads) * packs * per_16_bytes<W>);
  const auto kernel = y.size(1) <= shared_channels ? augment_kernel<W, true> : augment_kernel<W, false>;
  launch(on, {blocks, block_threads}, kernel, views, reinterpret_cast<const W*>(address(table)), reinterpret_cast<W*>(address(y)));
}
}  // namespace

void op::Augment::forward(const Cuda& on, const Tensor& pixels, const Tensor& table, const Tensor& draws, Tensor& y) const {
  if (y.size() == 0) return;
  const Views views{Indices<4>(y.size(0), y.size(2), y.size(3), y.size(1)), pixels.size(2), int(pixels.size(3)), int(y.size(3)), int(y.size(1)),
                    output<uint8_t>(pixels), draws ? output<int32_t>(draws) : nullptr};
  switch (bytes_of(y.dtype())) {
    case 8: return run<uint64_t>(on, views, table, y);
    case 4: return run<uint32_t>(on, views, table, y);
    default: return run<uint16_t>(on, views, table, y);
  }
}

}  // namespace mica
