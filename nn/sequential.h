#pragma once
#include "mica/nn/any_module.h"

namespace mica {

// Modules and functions called one after the other: Sequential{Linear(64, 32), relu, Linear(32, 10)}. Named 0, 1, ...
// (Copy one with =: Sequential{other} is a Sequential that holds one.)
struct Sequential : std::vector<AnyModule> {
  using std::vector<AnyModule>::vector;
  Tensor operator()(Tensor x) const {
    for (const AnyModule& layer : *this) x = layer(x);
    return x;
  }
  void fields(Fields& f) { f.walk(static_cast<std::vector<AnyModule>&>(*this)); }
};

}  // namespace mica
