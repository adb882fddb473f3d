#pragma once
#include "mica/core/shape.h"
namespace mica {

// A row-major tensor around one of its dimensions: [outer, size, inner].
struct Around {
  int64_t outer = 1, size, inner = 1;
  Around(const Shape& shape, int dim) : size(shape[dim]) {
    for (int i = 0; i < dim; ++i) outer *= shape[i];
    for (int i = dim + 1; i < shape.rank(); ++i) inner *= shape[i];
  }
};

}  // namespace mica
