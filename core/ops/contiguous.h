#pragma once
#include "mica/core/contract.h"

namespace mica {

// x in row-major (or channels-last) memory; x itself where it already is. Gradients pass through.
Tensor contiguous(const Tensor& x, Layout layout = Layout::row_major);

// Copies made to bring a tensor into the layout a kernel takes, since the program started. A steady training step makes none.
int64_t layout_conversions();

}  // namespace mica
