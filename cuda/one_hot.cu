#include "mica/core/ops/one_hot.h"
#include "mica/cuda/fault.h"
#include "mica/cuda/strided.h"

namespace mica {
namespace {
// One thread writes one element: sizeof(T) bytes per element, and an id that its neighbours read too; no operations. A bad id gives zeros.
// Deterministic.
template <class T> __global__ void one_hot_kernel(Indices<2> elements, const void* ids, DType id_dtype, T* y, Fault* fault) {
  const int64_t i = thread_number();
  if (i >= elements.count) return;
  int64_t at[2];
  elements(i, at);
  const int64_t id = load<int64_t>(ids, id_dtype, at[0]), classes = elements.size[1];
  if (at[1] == 0 && (id < 0 || id >= classes)) report(fault, op::OneHot::name, "id", id, 0, classes);
  y[i] = narrow<T>(Compute<T>(id == at[1]));
}
}  // namespace

void op::OneHot::forward(const Cuda& on, const Tensor& ids, Tensor& y) const {
  if (y.size() == 0) return;
  const Indices<2> elements(ids.size(), classes);
  dispatch(y.dtype(), [&]<class T>(T) {
    launch(on, {blocks_for(elements.count), block_threads}, one_hot_kernel<T>, elements, address(ids), ids.dtype(), output<T>(y), fault_of(on));
  });
}

}  // namespace mica
