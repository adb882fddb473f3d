#pragma once
#include "mica/core/tensor.h"
// Tensors exchanged with other libraries without a copy, as DLPack describes them (https://dmlc.github.io/dlpack/latest): NumPy, PyTorch, JAX, CuPy.
struct DLManagedTensor;           // of versions before 1.0, still what most libraries exchange in C
struct DLManagedTensorVersioned;  // of versions 1.x
namespace mica {

// x for another library: the same memory, which lives until that library calls the result's deleter, once, from any thread. Any strides; pinned memory
// is cpu. On a GPU the values are complete in the calling thread's current stream (core/stream.h): whoever reads or writes them in another stream
// waits for it, and has mica's streams wait for him, before the deleter is called too: the memory may then be used again. Writes of others
// are not seen by the tape. Throws Error for an x that requires grad (detach it) or is undefined.
DLManagedTensor* to_dlpack(const Tensor& x);
DLManagedTensorVersioned* to_dlpack_versioned(const Tensor& x);

// A tensor over memory of another library, whose deleter is called when the last tensor over it goes (from that thread; on a GPU work with it may then
// still be queued in the stream it was last used in). Where from_dlpack throws, `tensor` stays the caller's, who calls its deleter; that is
// PyTorch's rule too. On a GPU the values must be complete in the calling thread's current stream. cpu, pinned memory (as cpu) and cuda; the dtypes
// of mica; up to 6 dimensions; no strides (row-major) or any that are not negative. Throws Error for all else, and where the memory is not aligned
// for the dtype, a version is not 1.x, or the memory must not be written.
Tensor from_dlpack(DLManagedTensor* tensor);
Tensor from_dlpack(DLManagedTensorVersioned* tensor);

}  // namespace mica
