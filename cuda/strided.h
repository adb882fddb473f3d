#pragma once
#include "mica/core/dims_internal.h"
#include "mica/cuda/number.h"
// Walking tensors of any strides in kernels.
namespace mica {

// x / divisor and x % divisor for x and divisor below 2^31, by a multiplication (Granlund and Montgomery 1994).
struct Divider {
  uint32_t divisor = 1, magic = 1, shift = 0;
  Divider() = default;
  explicit Divider(uint32_t d) : divisor(d) {
    if (d == 0) return;  // of nothing
    while ((uint64_t(1) << shift) < d) ++shift;
    magic = uint32_t((uint64_t(1) << 32) * ((uint64_t(1) << shift) - d) / d + 1);
  }
  __device__ __forceinline__ uint32_t operator()(uint32_t x) const { return (__umulhi(x, magic) + x) >> shift; }
};

// Row-major indices: those of element `at` of a tensor of these sizes.
template <int n> struct Indices {
  int64_t count = 1, size[n];
  Divider divide[n];
  template <class... S> explicit Indices(S... sizes) : size{int64_t(sizes)...} {
    static_assert(sizeof...(S) == n);
    for (int64_t s : size) count *= s;
    if (count && count < (int64_t(1) << 31)) for (int i = 0; i < n; ++i) divide[i] = Divider(uint32_t(size[i]));
  }
  __device__ __forceinline__ void operator()(int64_t at, int64_t* index) const {
    if (count < (int64_t(1) << 31)) {
      uint32_t left = uint32_t(at);
#pragma unroll
      for (int i = n - 1; i > 0; --i) {
        const uint32_t next = divide[i](left);
        index[i] = left - next * divide[i].divisor;
        left = next;
      }
      index[0] = left;
    } else {
#pragma unroll
      for (int i = n - 1; i > 0; --i) { index[i] = at % size[i]; at /= size[i]; }
      index[0] = at;
    }
  }
};

// Where element i of n tensors lies, i counting in walking order (Dims, or what is like it): offsets in elements from each one's first.
template <int n> struct Places {
  int rank = 0;
  int64_t count = 1, size[Shape::max_rank], stride[n][Shape::max_rank];
  Divider divide[Shape::max_rank];
  Places() = default;  // one place, at 0; add gives it dimensions, the innermost last
  template <class... S> void add(int64_t extent, S... strides) {
    const int64_t steps[] = {int64_t(strides)...};
    static_assert(sizeof...(S) == n);
    count *= extent;
    size[rank] = extent;
    if (extent > 0 && extent < (int64_t(1) << 31)) divide[rank] = Divider(uint32_t(extent));
    for (int t = 0; t < n; ++t) stride[t][rank] = steps[t];
    ++rank;
  }
  template <class D> explicit Places(const D& d) : rank(d.rank), count(d.count) {
    for (int i = 0; i < rank; ++i) {
      size[i] = d.size[i];
      if (count < (int64_t(1) << 31)) divide[i] = Divider(uint32_t(d.size[i]));
      for (int t = 0; t < n; ++t) stride[t][i] = d.stride[t][i];
    }
  }
  __device__ __forceinline__ void operator()(int64_t at, int64_t* offset) const {
    for (int t = 0; t < n; ++t) offset[t] = 0;
    if (count < (int64_t(1) << 31)) {
      uint32_t left = uint32_t(at);
      for (int i = rank - 1; i >= 0; --i) {
        const uint32_t next = divide[i](left);
        const int64_t index = left - next * divide[i].divisor;
        for (int t = 0; t < n; ++t) offset[t] += index * stride[t][i];
        left = next;
      }
    } else {
      for (int i = rank - 1; i >= 0; --i) {
        const int64_t index = at % size[i];
        at /= size[i];
        for (int t = 0; t < n; ++t) offset[t] += index * stride[t][i];
      }
    }
  }
};
template <class... T> Dims dims_of(const T&... tensors) {
  const Tensor* all[] = {&tensors...};
  return Dims(all);
}

}  // namespace mica
