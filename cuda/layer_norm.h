#pragma once
#include "mica/core/kernels.h"
#include "mica/cuda/rows.h"
namespace mica {

// Our own kernels of layer norm: y = (x - mean) inverse_std weight + bias over rows of n numbers; mean and inverse_std (f64) are of each row. x is
// not empty. weight and bias may be undefined, and so may dx, dweight and dbias, where they are not wanted.
void layer_norm_forward(const Cuda& on, int64_t n, double eps, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y, const Tensor& mean, const Tensor& inverse_std);
void layer_norm_backward(const Cuda& on, int64_t n, const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& inverse_std, const Tensor& dy, const Tensor& dx,
                         const Tensor& dweight, const Tensor& dbias);

// A number for each place in a row of T, in T or in what T is computed in; or nothing (data is null).
template <class T> struct RowParameter {
  using C = Compute<T>;
  const void* data;
  bool as_computed;
  explicit RowParameter(const Tensor& t) : data(t ? address(t) : nullptr), as_computed(t && t.dtype() != dtype_of<T>) {}
  bool aligned() const { return aligned_16(data); }
  template <int packs> __device__ __forceinline__ void load(C (&v)[packs * per_16_bytes<T>], int64_t n, bool vectors) const {
    if (as_computed) load_items<per_16_bytes<T>>(v, static_cast<const C*>(data), n, vectors, C(0));
    else load_items<per_16_bytes<T>>(v, static_cast<const T*>(data), n, vectors, C(0));
  }
  __device__ __forceinline__ C at(int64_t i, C otherwise) const { return !data ? otherwise : as_computed ? static_cast<const C*>(data)[i] : C(wide(static_cast<const T*>(data)[i])); }
};

}  // namespace mica
