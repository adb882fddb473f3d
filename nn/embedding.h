#pragma once
#include "mica/nn/fields.h"

namespace mica {

// Row ids[...] of the weight for each id.   ids: [...] i32 or i64 in [0, count) -> y: [..., size]. The weight starts normal(0, 1).
struct Embedding {
  Tensor weight;  // [count, size]
  Embedding(int64_t count, int64_t size);
  Tensor operator()(const Tensor& ids) const;
  void fields(Fields& f) { f.parameter("weight", weight); }
};

}  // namespace mica
