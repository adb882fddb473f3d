#pragma once
#include <cstdio>
#include <set>
#include <string>
#include <vector>
#include "mica/core/kernels.h"
#include "mica/core/ops/update_rules.h"

namespace mica::detail {

inline std::string number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", v);
  return text;
}
// The memory of t, for a kernel in the current stream.
inline void* start(const Tensor& t) {
  use(context(t.device()), t);
  return address(t);
}
// Updates by one rule, to be done together: one call for each device.
class Updates {
 public:
  // w is changed by g; both f32 or f64, in one order in memory. Memory that is there already is not changed twice.
  void add(const Tensor& w, const Tensor& g) {
    const rule::Part part{w.dtype(), w.size(), start(w), start(g), {}};
    if (seen_.insert(part.w).second) of(w.device()).push_back(part);
  }
  template <class R> void apply(const R& r) const { for (const auto& [device, parts] : calls_) update(device, r, parts); }
  // The same with coefficients in the devices' memory.
  template <class R> void apply_varying(const void* coefficients) const { for (const auto& [device, parts] : calls_) update_varying<R>(device, coefficients, parts); }
  // Divides what was added by the scale of `control`, on the same device, and notes there where a result is not finite.
  void unscale(StepControl* control) const {
    for (const auto& [device, parts] : calls_) std::visit([&parts, control](const auto& on) { unscale_kernel(on, control, parts); }, context(device));
  }

 private:
  std::vector<rule::Part>& of(Device device) {
    for (auto& [other, parts] : calls_) if (other == device) return parts;
    return calls_.emplace_back(device, std::vector<rule::Part>()).second;
  }
  std::vector<std::pair<Device, std::vector<rule::Part>>> calls_;
  std::set<const void*> seen_;
};
// What belongs to each element of w, made `like` it where w has moved since: to another device, dtype or order in memory.
inline void follow(Tensor& like, const Tensor& w) {
  if (like.device() == w.device() && like.dtype() == w.dtype() && same_order(w.shape(), like.strides(), w.strides())) return;
  const Tensor moved = empty_like(w);
  copy_into(moved, like);
  like = moved;
}
// What a fused update takes: f32 or f64 without gaps. Throws Error otherwise.
inline void check_parameter(const char* who, size_t i, const Tensor& w) {
  const std::string at = std::string(who) + ": parameter " + std::to_string(i);
  if (!w) throw Error(at + " is undefined");
  if (w.dtype() != f32 && w.dtype() != f64) throw Error(at + " is " + describe(w) + "; parameters are f32 or f64");
  if (!is_packed(w.shape(), w.strides())) throw Error(at + " is a view with gaps: " + describe(w));
}
inline void check_not_negative(const char* what, double v) {
  if (!(v >= 0)) throw Error(std::string(what) + " is " + number(v) + "; it must not be negative");
}

}  // namespace mica::detail
