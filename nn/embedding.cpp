#include "mica/nn/embedding.h"
#include "mica/core/ops/index_select.h"
#include "mica/nn/init.h"

namespace mica {

Embedding::Embedding(int64_t count, int64_t size) : weight(empty({count, size}).set_requires_grad()) { init::normal(weight); }
Tensor Embedding::operator()(const Tensor& ids) const { return embedding(weight, ids); }

}  // namespace mica
