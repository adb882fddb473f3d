#pragma once
#include "mica/core/context.h"
#include "mica/core/memory.h"
#include "mica/core/tensor.h"
// What each backend gives the core: memory, and a few kernels over tensors of any strides. For core/ and authors of ops.
namespace mica {

void* acquire(const Cpu&, size_t bytes);
void* acquire(const Cuda& on, size_t bytes);     // for work on on.stream
void release(const Cpu&, void* data, size_t bytes) noexcept;
void release(const Cuda& on, void* data, size_t bytes) noexcept;  // after what on.queue's stream has been given so far
MemoryPool& memory_pool(const Cpu&);
MemoryPool& memory_pool(const Cuda&);

// x is used in the current stream of its device from now on: the stream waits for what others have been given to do with it. Nothing on the CPU.
void join(const Cuda& on, Storage& storage);
inline void use([[maybe_unused]] const Context& context, [[maybe_unused]] const Tensor& x) {
#if MICA_HAS_CUDA
  if (const Cuda* on = std::get_if<Cuda>(&context); on && x && x.device() != cpu && x.body().storage && x.body().storage->queue != on->queue) join(*on, *x.body().storage);
#endif
}
// The context of a kernel that works on these tensors of one device.
template <class... T> Context context_of(const Tensor& x, const T&... more) {
  const Context on = context(x.device());
  use(on, x);
  (use(on, more), ...);
  return on;
}

void fill_kernel(const Cpu&, Scalar value, const Tensor& y);
void fill_kernel(const Cuda&, Scalar value, const Tensor& y);
void copy_kernel(const Cpu&, const Tensor& x, const Tensor& y);                  // y = x, converting the dtype; equal shapes
void copy_kernel(const Cuda&, const Tensor& x, const Tensor& y);                 // x or y may be on the CPU; a y there is complete on return
void add_kernel(const Cpu&, const Tensor& a, const Tensor& b, const Tensor& y);  // y = a + b; equal shapes; y may be a
void add_kernel(const Cuda&, const Tensor& a, const Tensor& b, const Tensor& y);
void sum_kernel(const Cpu&, const Tensor& x, const Tensor& y);                   // y: sizes of x, or 1 where x is summed; same rank
void sum_kernel(const Cuda&, const Tensor& x, const Tensor& y);
// y = max, min, ... of x, over the dimensions where y has size 1; any strides. NaN wins in max and min. argmax, argmin (y is i64): the first
// index along the one folded dimension. norm: (sum |x|^p)^(1/p), x and y float. y's dtype is x's otherwise.
enum class Fold { max, min, argmax, argmin, norm };
void fold_kernel(const Cpu&, Fold kind, double p, const Tensor& x, const Tensor& y);
void fold_kernel(const Cuda&, Fold kind, double p, const Tensor& x, const Tensor& y);

// The same, on the tensors' own device.
void copy_into(const Tensor& y, const Tensor& x);  // any devices
void add_into(const Tensor& y, const Tensor& x);
void sum_into(const Tensor& y, const Tensor& x);   // undoes broadcasting: x is summed to y's shape

Tensor metadata(const Tensor& x);                  // shape, strides, dtype, device; no data, no history
Tensor alias(const Tensor& x, const Shape& shape, const Strides& strides, int64_t offset);  // same storage, no history
Tensor expand_alias(const Tensor& x, const Shape& shape);                                   // broadcast by strides of 0, no history
Tensor empty_like(const Tensor& x, DType dtype);   // in x's strides where x is packed
Strides packed_like(const Tensor& x);              // x's strides where it is packed, row-major otherwise

// Checks and counts an in-place write of `op`; `functional` names what to use on a tensor that requires grad.
void written(const Tensor& x, const char* op, const char* functional);
void exchange(const Tensor& x, const Tensor& data);  // x now has data's dtype, device, strides and storage; its identity stays

// The memory a kernel writes: no check, no count.
inline char* address(const Tensor& y) { return static_cast<char*>(y.body().storage->data) + y.body().offset * int64_t(bytes_of(y.dtype())); }
template <class T> T* output(const Tensor& y) {
  return reinterpret_cast<T*>(static_cast<char*>(y.body().storage->data)) + y.body().offset;
}

}  // namespace mica
