#pragma once
#include "mica/core/ops/formulas.h"
#include "mica/cuda/strided.h"
// The pointwise kernels: one of each formula over packed memory of one dtype (pointwise_packed.cu), and one over anything (pointwise.cu).
namespace mica {

// n elements of equal dtype T and order in memory. False where there is no such kernel (T is f64, f32, f16 or bf16).
bool pointwise_packed(const Cuda& on, int formula, const void* options, std::span<const Tensor* const> x, const Tensor& y);

}  // namespace mica
