#pragma once
#include <array>
#include <optional>
#include <span>
#include "mica/core/context.h"
#include "mica/core/tensor.h"
// What the declaration of an op needs; op.h has the whole contract.
namespace mica {

enum : unsigned {
  saved = 1,         // backward reads its data (otherwise only shape, dtype, device)
  optional = 2,      // may be undefined
  no_gradient = 4,   // labels, ids, masks
  strided = 8,       // kernels take any strides; without it the engine hands them row-major tensors
  channels_last = 16,  // the engine hands kernels channels-last tensors, and makes outputs and gradients so
  binds = 32,        // backward binds dx to a tensor (dx = dy, a view) in place of writing into a fresh one
  shadowed = 64,     // where the tensor has a compute type (core/shadow.h), kernels read it in that type; its gradient keeps its own dtype
};
struct Arg {
  const char* name;
  unsigned flags = 0;
};
template <size_t n> using Args = std::array<Arg, n>;

// What forward is to fill: the engine allocates it. Without strides, the output's flag says the layout.
struct Spec {
  Shape shape;
  DType dtype = f32;
  std::optional<Strides> strides{};
};

// What one call of an op does, for summaries and benchmarks. An op that multiplies, or sees more than one position of an image, says it:
//   Work work(const Tensor& x, ..., const Tensor& y, ...) const;
struct Work {
  int64_t multiply_adds = 0;          // of forward
  int64_t window[2] = {1, 1};         // rows and columns of x that one position of y sees, dilation included; 0: all
  int64_t stride[2] = {1, 1};
};

}  // namespace mica
