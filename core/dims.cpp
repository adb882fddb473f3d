#include "mica/core/dims_internal.h"

namespace mica {

Dims::Dims(std::span<const Tensor* const> tensors) {
  const Shape& shape = tensors[0]->shape();
  int order[Shape::max_rank], n = 0;
  for (int i = 0; i < shape.rank(); ++i) {
    count *= shape[i];
    if (shape[i] == 1) continue;
    int at = n++;  // insertion sort: at most 6
    for (; at > 0 && tensors[0]->strides()[order[at - 1]] < tensors[0]->strides()[i]; --at) order[at] = order[at - 1];
    order[at] = i;
  }
  if (count == 0) return;
  for (int i = 0; i < n; ++i) {
    const int d = order[i];
    bool merges = rank > 0;
    for (size_t t = 0; t < tensors.size() && merges; ++t) merges = stride[t][rank - 1] == tensors[t]->strides()[d] * shape[d];
    if (merges) --rank; else size[rank] = 1;
    size[rank] *= shape[d];
    for (size_t t = 0; t < tensors.size(); ++t) stride[t][rank] = tensors[t]->strides()[d];
    ++rank;
  }
}

}  // namespace mica
