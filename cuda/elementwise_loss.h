#pragma once
#include "mica/cuda/class_loss.h"
// What the kernels of losses between equal-shaped tensors share: operands of any strides and float dtypes.
namespace mica {

// One tensor as kernels read it, in C; an undefined one reads as `otherwise`.
struct Operand {
  void* data;
  DType dtype;
  explicit Operand(const Tensor& t) : data(t ? address(t) : nullptr), dtype(t ? t.dtype() : f32) {}
  template <class C> __device__ __forceinline__ C at(int64_t i, C otherwise) const { return data ? load<C>(data, dtype, i) : otherwise; }
  template <class C> __device__ __forceinline__ void put(int64_t i, C v) const { if (data) store(data, dtype, i, v); }
};

// Where element i of each lies: at i, where all have one order in memory without gaps; tensors are broadcast to the first, undefined ones lie with it.
template <int n> struct Walk {
  Places<n> places;
  bool direct;
  template <class... T> explicit Walk(const Tensor& first, const T&... more)
      : places(dims_of(first, (more ? expand_alias(more, first.shape()) : first)...)), direct(((!more || more.shape() == first.shape()) && ...) && (one_row(more ? more : first, first) && ...)) {}
  __device__ __forceinline__ void operator()(int64_t i, int64_t* at) const {
    if (!direct) return places(i, at);
    for (int t = 0; t < n; ++t) at[t] = i;
  }
};

// Runs forward(blocks, losses) for `count` elements, and finishes a loss that is a mean or a sum.
template <class F> void reduce_elements(const Cuda& on, Reduction reduction, int64_t count, const Tensor& loss, F&& forward) {
  const int64_t blocks = std::min(most_loss_blocks, (count + 4 * block_threads - 1) / (4 * block_threads));
  const bool each = reduction == Reduction::none;
  const Scratch sums(on, each ? 0 : size_t(blocks) * sizeof(Losses::Sum));
  if (count > 0) forward(dim3(unsigned(blocks)), Losses{nullptr, loss.dtype(), each ? nullptr : sums.as<Losses::Sum>()});
  if (!each) finish_losses(on, reduction == Reduction::mean, sums.as<Losses::Sum>(), blocks, loss, nullptr);
}
// Calls f(C{}) with the type that a loss is computed in.
template <class F> void in_type_of(const Tensor& loss, F&& f) { if (loss.dtype() == f64) f(double{}); else f(float{}); }

}  // namespace mica
