#include "mica/core/index.h"

namespace mica {

Tensor index(const Tensor& x, std::initializer_list<Index> at) {
  int named = 0, ellipses = 0;
  for (const Index& i : at) {
    named += std::holds_alternative<int64_t>(i.value()) || std::holds_alternative<Range>(i.value());
    ellipses += std::holds_alternative<Ellipsis>(i.value());
  }
  if (named > x.rank()) throw Error("index: " + std::to_string(named) + " indices for " + std::to_string(x.rank()) + " dimensions\n  x: " + describe(x));
  if (ellipses > 1) throw Error("index: more than one ellipsis");
  Tensor y = x;
  int dim = 0;
  for (const Index& i : at) {
    if (const auto* entry = std::get_if<int64_t>(&i.value())) y = select(y, dim, *entry);
    else if (const auto* range = std::get_if<Range>(&i.value())) { y = slice(y, dim, range->start, range->stop, range->step); ++dim; }
    else if (std::holds_alternative<NewAxis>(i.value())) y = unsqueeze(y, dim++);
    else dim += x.rank() - named;
  }
  return y;
}

}  // namespace mica
