#include "mica/core/ops/index_select.h"
#include "mica/cuda/fault.h"
#include "mica/cuda/fold.h"
#include "mica/cuda/scatter.h"

namespace mica {
namespace {
// The row that an id means, or -1 for one outside [low, size).
__device__ __forceinline__ int64_t row_of(int64_t id, int64_t low, int64_t size) { return id < low || id >= size ? -1 : id < 0 ? id + size : id; }

// One thread copies one word of an entry; a bad id gives zeros. 2 sizeof(W) bytes per word, and an id that its neighbours read too; no operations.
// Deterministic.
template <class W> __global__ void take_words_kernel(Indices<3> words, int64_t size, int64_t low, const void* ids, DType id_dtype, const W* x, W* y, Fault* fault, const char* op) {
  const int64_t i = thread_number();
  if (i >= words.count) return;
  int64_t at[3];  // outer, place in ids, word of the entry
  words(i, at);
  const int64_t id = load<int64_t>(ids, id_dtype, at[1]), row = row_of(id, low, size);
  if (row < 0 && at[0] == 0 && at[2] == 0) report(fault, op, "id", id, low, size);
  y[i] = row < 0 ? W{} : x[(at[0] * size + row) * words.size[2] + at[2]];
}
// One thread turns one id into its row, or `size` where nothing is to be added. 12 bytes per id, no operations. Deterministic.
__global__ void rows_kernel(int64_t n, int64_t size, int64_t low, int64_t skipped, const void* ids, DType id_dtype, uint32_t* rows, Fault* fault, const char* op) {
  const int64_t i = thread_number();
  if (i >= n) return;
  const int64_t id = load<int64_t>(ids, id_dtype, i), row = row_of(id, low, size);
  if (row < 0) report(fault, op, "id", id, low, size);
  rows[i] = uint32_t(row < 0 || row == skipped ? size : row);
}

template <class W> void take(const Cuda& on, const Around& a, int64_t low, const Tensor& x, const Tensor& ids, const Tensor& y, const char* op) {
  const Indices<3> words(a.outer, ids.size(), a.inner * int64_t(bytes_of(x.dtype())) / int64_t(sizeof(W)));
  launch(on, {blocks_for(words.count), block_threads}, take_words_kernel<W>, words, a.size, low, address(ids), ids.dtype(), reinterpret_cast<const W*>(address(x)),
         reinterpret_cast<W*>(address(y)), fault_of(on), op);
}
}  // namespace

void take_kernel(const Cuda& on, const Tensor& x, const Tensor& ids, const Tensor& y, int dim, bool negative, const char* op) {
  if (y.size() == 0) return;
  const Around a(x.shape(), dim);
  const int64_t low = negative ? -a.size : 0;
  const uintptr_t fits = uintptr_t(a.inner) * bytes_of(x.dtype()) | reinterpret_cast<uintptr_t>(address(x)) | reinterpret_cast<uintptr_t>(address(y));
  if (fits % 16 == 0) take<Pack<uint64_t, 2>>(on, a, low, x, ids, y, op);
  else if (fits % 4 == 0) take<uint32_t>(on, a, low, x, ids, y, op);
  else if (fits % 2 == 0) take<uint16_t>(on, a, low, x, ids, y, op);
  else take<uint8_t>(on, a, low, x, ids, y, op);
}
void index_add_kernel(const Cuda& on, const Tensor& values, const Tensor& ids, const Tensor& y, int dim, int64_t skipped, bool negative, const char* op) {
  const Around a(y.shape(), dim);
  const int64_t n = ids.size();
  if (n == 0) return;
  check_32_bits(a.size);
  const Scratch rows(on, size_t(n) * 4);
  launch(on, {blocks_for(n), block_threads}, rows_kernel, n, a.size, negative ? -a.size : 0, skipped, address(ids), ids.dtype(), rows.as<uint32_t>(), fault_of(on), op);
  add_rows(on, values, rows.as<uint32_t>(), n, a, y);
}

}  // namespace mica
