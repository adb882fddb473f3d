#pragma once
#include "mica/core/op.h"
// What kernels of both backends take their operands apart with.
namespace mica {

// A reduction of x into y, in which folded dimensions have size 1: x over the others, y over the same, and what is added up, as views.
struct Folding { Tensor x, y, terms; };
Folding folding_of(const Tensor& x, const Tensor& y);

// Of a matmul: y with the dimension that a 1-d operand does not give, and y's batch dimensions.
Tensor matmul_result(const Tensor& y, const Tensor& a, const Tensor& b);
Shape matmul_batch(const Tensor& y, const Tensor& a, const Tensor& b);

// A scalar as an element: rounded to nearest; to bool: whether it is not 0.
template <class T> T element_of(Scalar value) {
  if constexpr (std::is_same_v<T, bool>) return value.real() != 0;
  else if constexpr (std::is_integral_v<T>) return T(value.integer());
  else if constexpr (std::is_same_v<Compute<T>, T>) return T(value.real());
  else return T(float(value.real()));
}

}  // namespace mica
