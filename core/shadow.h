#pragma once
#include "mica/core/tensor.h"
// A parameter is f32. Where it has a 16-bit compute type, ops that declare it `shadowed` (the weights of linear, conv2d, embedding) read a
// 16-bit copy, its shadow, which is made at first use, in the parameter's strides, and again after any write to the parameter. An optimizer
// rewrites it in the pass that updates the parameter. Everything else sees f32, and so is the gradient.
namespace mica {

// The dtype in which kernels read x: f16 or bf16 where it was set, otherwise x's own.
DType compute_type(const Tensor& x);
// f16 and bf16 are for f32 tensors; x's own dtype takes the compute type away. Throws Error for others. Counts as a write: a graph recorded
// before cannot run backward through x.
void set_compute_type(const Tensor& x, DType t);

// For core/ and authors of optimizers. x in its compute type: x itself where that is its dtype, else its shadow, up to date.
Tensor in_compute_type(const Tensor& x);
// Brings the shadow of x up to date, if it has one.
void refresh_shadow(const Tensor& x);
// The shadow of x if it has one, from now on taken to be up to date: for a kernel that is about to write both.
Tensor shadow_to_write(const Tensor& x);

}  // namespace mica
