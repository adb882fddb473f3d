#include "mica/cuda/strided.h"
#include <algorithm>
#include <cstring>
#include "mica/core/kernel_shapes_internal.h"
#include "mica/core/kernels.h"
#include "mica/core/ops/formulas.h"
#include "mica/core/steady_state.h"
#include "mica/cuda/fault.h"
#include "mica/cuda/staging.h"
// fill, copy and add over tensors of any strides.
namespace mica {
namespace {
void move(const Cuda& on, const Tensor& x, const Tensor& y, cudaMemcpyKind kind) {  // equal dtypes, one order in memory
  check(cudaMemcpyAsync(address(y), address(x), size_t(y.size()) * bytes_of(y.dtype()), kind, on.stream), "cudaMemcpyAsync");
}

// One thread writes one element. sizeof(W) bytes per element, no operations. Deterministic.
template <class W> __global__ void fill_strided_kernel(Places<1> places, W value, W* y) {
  const int64_t i = thread_number();
  if (i >= places.count) return;
  int64_t at;
  places(i, &at);
  y[at] = value;
}
template <class W> void fill_words(const Cuda& on, const Tensor& y, const void* value) {
  W word;
  std::memcpy(&word, value, sizeof word);
  const Places<1> places(dims_of(y));
  launch(on, {blocks_for(places.count), block_threads}, fill_strided_kernel<W>, places, word, reinterpret_cast<W*>(address(y)));
}

// One thread copies one element and converts it. sizeof(X) + sizeof(Y) bytes per element, no operations. Deterministic.
template <class X, class Y> __global__ void copy_strided_kernel(Places<2> places, const X* x, Y* y) {
  const int64_t i = thread_number();
  if (i >= places.count) return;
  int64_t at[2];
  places(i, at);
  y[at[0]] = narrow<Y>(wide(x[at[1]]));
}

constexpr int tile = 32, tile_rows = 8;
// y[r, c] = x[c, r] of `outer` matrices: a block takes a tile of 32 x 32 through shared memory, so that both sides use whole lines. One thread
// moves 4 elements. 2 sizeof(W) bytes per element, no operations. Deterministic.
template <class W> __global__ void transpose_kernel(int64_t rows, int64_t columns, int64_t row_tiles, int64_t x_step, int64_t y_step, Places<2> outer, const W* x, W* y) {
  MICA_SHARED(W, part, [tile][tile + 1]);
  int64_t at[2];
  outer(blockIdx.x / row_tiles, at);
  const int64_t r0 = blockIdx.x % row_tiles * tile, c0 = int64_t(blockIdx.y) * tile;
  for (int k = int(threadIdx.y); k < tile; k += tile_rows) {
    const int64_t r = r0 + threadIdx.x, c = c0 + k;
    if (r < rows && c < columns) part[k][threadIdx.x] = x[at[1] + c * x_step + r];
  }
  __syncthreads();
  for (int k = int(threadIdx.y); k < tile; k += tile_rows) {
    const int64_t r = r0 + k, c = c0 + threadIdx.x;
    if (r < rows && c < columns) y[at[0] + r * y_step + c] = part[threadIdx.x][k];
  }
}
// Whether x's innermost dimension is another one than y's: then it is done by tiles.
template <class W> bool transposed(const Cuda& on, const Dims& d, const W* x, W* y) {
  const int inner = d.rank - 1;
  if (d.rank < 2 || d.stride[0][inner] != 1 || d.stride[1][inner] == 1) return false;
  for (int row = 0; row < inner; ++row) {
    if (d.stride[1][row] != 1) continue;
    const int64_t rows = d.size[row], columns = d.size[inner], row_tiles = (rows + tile - 1) / tile, column_tiles = (columns + tile - 1) / tile;
    if (rows < 4 || columns < 4 || column_tiles > 65535) return false;
    Dims outer = d;
    outer.rank = 0;
    outer.count = 1;
    for (int i = 0; i < inner; ++i) {
      if (i == row) continue;
      outer.size[outer.rank] = d.size[i];
      outer.count *= d.size[i];
      for (int t = 0; t < 2; ++t) outer.stride[t][outer.rank] = d.stride[t][i];
      ++outer.rank;
    }
    launch(on, {dim3(unsigned(row_tiles * outer.count), unsigned(column_tiles)), dim3(tile, tile_rows)}, transpose_kernel<W>, rows, columns, row_tiles,
           d.stride[1][inner], d.stride[0][row], Places<2>(outer), x, y);
    return true;
  }
  return false;
}

template <class X, class Y> void copy_strided(const Cuda& on, const Tensor& x, const Tensor& y) {
  const Dims d = dims_of(y, x);
  if constexpr (std::is_same_v<X, Y>) if (transposed(on, d, output<X>(x), output<Y>(y))) return;
  launch(on, {blocks_for(d.count), block_threads}, copy_strided_kernel<X, Y>, Places<2>(d), output<X>(x), output<Y>(y));
}
void copy_on_device(const Cuda& on, const Tensor& x, const Tensor& y) {
  if (x.dtype() == y.dtype() && one_row(x, y)) {
    move(on, x, y, cudaMemcpyDeviceToDevice);
    return;
  }
  dispatch(x.dtype(), [&]<class X>(X) { dispatch(y.dtype(), [&]<class Y>(Y) { copy_strided<X, Y>(on, x, y); }); });
}

void to_device(const Cuda& on, const Tensor& x, const Tensor& y) {
  Tensor packed = x;
  if (!is_packed(x.shape(), x.strides())) copy_kernel(Cpu{}, x, packed = empty_like(x));
  if (packed.dtype() == y.dtype() && one_row(packed, y)) {
    upload(on, address(y), address(packed), size_t(y.size()) * bytes_of(y.dtype()));
  } else {
    const Tensor there = empty_like(metadata(y), x.dtype());  // on the device, in x's dtype and order
    there.body().strides = packed.strides();
    upload(on, address(there), address(packed), size_t(x.size()) * bytes_of(x.dtype()));
    copy_on_device(on, there, y);
  }
}
void to_host(const Cuda& on, const Tensor& x, const Tensor& y) {
  hidden_work("waits for the device to copy to the CPU");
  Tensor there = x;  // in y's dtype and order
  const Strides order = packed_like(y);
  if (x.dtype() != y.dtype() || !is_packed(x.shape(), x.strides()) || !same_order(x.shape(), x.strides(), order)) {
    there = empty(x.shape(), {y.dtype(), x.device()});
    there.body().strides = order;
    copy_on_device(on, x, there);
  }
  const bool direct = is_packed(y.shape(), y.strides());
  const Tensor here = direct ? y : empty_like(y);
  move(on, there, here, cudaMemcpyDeviceToHost);
  check(cudaStreamSynchronize(on.stream), "cudaStreamSynchronize");
  throw_fault(on);
  if (!direct) copy_kernel(Cpu{}, here, y);
}
}  // namespace

void copy_kernel(const Cuda& on, const Tensor& x, const Tensor& y) {
  if (y.size() == 0) return;
  if (x.device() == cpu) to_device(on, x, y);
  else if (y.device() == cpu) to_host(on, x, y);
  else copy_on_device(on, x, y);
}
void fill_kernel(const Cuda& on, Scalar value, const Tensor& y) {
  if (y.size() == 0) return;
  char bits[8] = {};
  dispatch(y.dtype(), [&]<class T>(T) {
    const T v = element_of<T>(value);
    std::memcpy(bits, &v, sizeof v);
  });
  const size_t bytes = bytes_of(y.dtype());
  if (is_packed(y.shape(), y.strides()) && std::all_of(bits, bits + 8, [](char c) { return c == 0; })) {
    check(cudaMemsetAsync(address(y), 0, size_t(y.size()) * bytes, on.stream), "cudaMemsetAsync");
    return;
  }
  if (bytes == 8) fill_words<uint64_t>(on, y, bits);
  else if (bytes == 4) fill_words<uint32_t>(on, y, bits);
  else if (bytes == 2) fill_words<uint16_t>(on, y, bits);
  else fill_words<uint8_t>(on, y, bits);
}
void add_kernel(const Cuda& on, const Tensor& a, const Tensor& b, const Tensor& y) { pointwise_kernel(on, Value<op::Add>{}, {&a, &b}, y); }

}  // namespace mica
