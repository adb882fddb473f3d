#pragma once
#include <mutex>
#include "mica/core/op.h"

namespace mica {

// What a tensor has beyond its data: a leaf's gradient, hooks, and the path that the module walker gave it (layer1.0.conv1.weight).
struct Leaf {
  Tensor grad;
  std::shared_ptr<Tensor> kept;  // of a tensor that is no leaf and retains its gradient
  std::string path;
  std::vector<std::pair<int64_t, Hook>> hooks;
  std::mutex mutex;              // concurrent backward passes into one leaf take turns, and so do refreshs of its shadow
  DType compute = f32;           // f16 or bf16: kernels read `shadow` (shadow.h)
  Tensor shadow;                 // made at first use
  uint64_t shadow_version = 0;   // of the storage, when the shadow was made from it
};
Leaf& leaf_of(const Tensor& x);

struct OutputHooks {
  struct Entry { int slot; int64_t id; Hook hook; };
  std::vector<Entry> entries;
};

uint64_t new_version();  // a number no other write has

}  // namespace mica
