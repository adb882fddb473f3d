#pragma once
#include <cstdio>
#include <string>
#include "mica/core/kernels.h"

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
