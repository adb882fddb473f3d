#include "mica/core/ops/gather.h"
#include "mica/cuda/fault.h"
#include "mica/cuda/fold.h"
#include "mica/cuda/scatter.h"

namespace mica {
namespace {
// Where an id leads: [outer, size, inner] around the dimension of ids, `other` entries along it in the other tensor. -1 and a report for a bad id.
struct Ids {
  Indices<3> elements;
  int64_t other;
  const void* ids;
  DType dtype;
  Fault* fault;
  __device__ __forceinline__ int64_t operator()(int64_t i) const {
    int64_t at[3];
    elements(i, at);
    const int64_t id = load<int64_t>(ids, dtype, i);
    if (id < 0 || id >= other) { report(fault, "gather", "id", id, 0, other); return -1; }
    return (at[0] * other + id) * elements.size[2] + at[2];
  }
};
Ids ids_of(const Cuda& on, const Tensor& ids, const Shape& other, int dim) {
  const Around a(ids.shape(), dim);
  return {Indices<3>(a.outer, a.size, a.inner), other[dim], address(ids), ids.dtype(), fault_of(on)};
}

// One thread copies one element; a bad id gives 0. (2 sizeof(W) + 8) bytes per element, with an id of 8; no operations. Deterministic.
template <class W> __global__ void gather_elements_kernel(Ids ids, const W* x, W* y) {
  const int64_t i = thread_number();
  if (i >= ids.elements.count) return;
  const int64_t from = ids(i);
  y[i] = from < 0 ? W(0) : x[from];
}
// One thread finds the element of y to which value i is added; `none` for a bad id. 12 bytes per id, no operations. Deterministic.
__global__ void targets_kernel(Ids ids, uint32_t none, uint32_t* rows) {
  const int64_t i = thread_number();
  if (i >= ids.elements.count) return;
  const int64_t to = ids(i);
  rows[i] = to < 0 ? none : uint32_t(to);
}
template <class W> void gather(const Cuda& on, const Ids& ids, const Tensor& x, const Tensor& y) {
  launch(on, {blocks_for(y.size()), block_threads}, gather_elements_kernel<W>, ids, reinterpret_cast<const W*>(address(x)), reinterpret_cast<W*>(address(y)));
}
}  // namespace

void gather_kernel(const Cuda& on, const Tensor& x, const Tensor& ids, const Tensor& y, int dim) {
  if (y.size() == 0) return;
  const Ids each = ids_of(on, ids, x.shape(), dim);
  switch (bytes_of(x.dtype())) {
    case 8: return gather<uint64_t>(on, each, x, y);
    case 4: return gather<uint32_t>(on, each, x, y);
    case 2: return gather<uint16_t>(on, each, x, y);
    default: return gather<uint8_t>(on, each, x, y);
  }
}
// All of y is one dimension, of which each value has its row.
void scatter_add_kernel(const Cuda& on, const Tensor& values, const Tensor& ids, const Tensor& y, int dim) {
  const int64_t n = ids.size();
  if (n == 0) return;
  check_32_bits(y.size());
  const Scratch rows(on, size_t(n) * 4);
  launch(on, {blocks_for(n), block_threads}, targets_kernel, ids_of(on, ids, y.shape(), dim), uint32_t(y.size()), rows.as<uint32_t>());
  add_rows(on, values, rows.as<uint32_t>(), n, Around({y.size()}, 0), y);
}

}  // namespace mica
