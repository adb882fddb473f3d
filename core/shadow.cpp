#include "mica/core/shadow.h"
#include "mica/core/autograd_internal.h"
#include "mica/core/kernels.h"

namespace mica {
namespace {
bool has_shadow(const Tensor& x) { return x.dtype() == f32 && x.body().leaf && is_half(x.body().leaf->compute); }
bool fits(const Tensor& shadow, const Tensor& x, DType t) {  // not after `to` has given x other memory
  return shadow && shadow.dtype() == t && shadow.device() == x.device() && shadow.strides() == packed_like(x);
}
uint64_t version(const Tensor& x) { return x.body().storage->version.load(std::memory_order_relaxed); }
}  // namespace

DType compute_type(const Tensor& x) { return has_shadow(x) ? x.body().leaf->compute : x.dtype(); }

void set_compute_type(const Tensor& x, DType t) {
  if (t != x.dtype() && !(is_half(t) && x.dtype() == f32))
    throw Error(std::string("set_compute_type: ") + name_of(t) + " is no compute type of " + describe(x) + "; f32 tensors compute in f32, f16 or bf16");
  if (t == compute_type(x)) return;
  NoGrad no_grad;
  written(x, "to", "");
  Leaf& leaf = leaf_of(x);
  leaf.compute = is_half(t) ? t : f32;
  leaf.shadow = {};
}

Tensor in_compute_type(const Tensor& x) {
  if (!has_shadow(x)) return x;
  Leaf& leaf = *x.body().leaf;
  std::lock_guard lock(leaf.mutex);
  const bool there = fits(leaf.shadow, x, leaf.compute);
  if (there && leaf.shadow_version == version(x)) return leaf.shadow;
  if (!there) leaf.shadow = empty_like(x, leaf.compute);
  leaf.shadow_version = version(x);
  copy_into(leaf.shadow, x);
  return leaf.shadow;
}

void refresh_shadow(const Tensor& x) {
  if (has_shadow(x) && fits(x.body().leaf->shadow, x, x.body().leaf->compute)) in_compute_type(x);
}

Tensor shadow_to_write(const Tensor& x) {
  if (!has_shadow(x)) return {};
  Leaf& leaf = *x.body().leaf;
  std::lock_guard lock(leaf.mutex);
  if (!fits(leaf.shadow, x, leaf.compute)) return {};
  leaf.shadow_version = version(x);
  return leaf.shadow;
}

}  // namespace mica
