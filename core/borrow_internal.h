#pragma once
#include "mica/core/create.h"
namespace mica {

// borrow, for a function whose name errors begin with. Without strides: row-major.
Tensor borrow_for(const char* function, void* data, const Shape& shape, const Strides* strides, TensorOptions options, std::shared_ptr<const void> keeper);

}  // namespace mica
