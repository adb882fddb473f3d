#pragma once
#include "mica/core/kernels.h"
#include "mica/core/op.h"
// 16-bit tensors for kernels that compute in float: a float copy of what they read, a float stand-in for what they write.
namespace mica {

inline Tensor widened(const Tensor& x) {  // x itself unless it is 16-bit; undefined stays undefined
  if (!x || !is_half(x.dtype())) return x;
  Tensor wide = empty_like(x, f32);
  copy_into(wide, x);
  return wide;
}
class Widened {  // what a kernel writes for y; goes to y when this ends
 public:
  explicit Widened(const Tensor& y) : y_(y), wide_(y && is_half(y.dtype()) ? empty_like(y, f32) : y) {}
  ~Widened() noexcept(false) { if (y_ && !wide_.same(y_)) copy_into(y_, wide_); }
  Widened(const Widened&) = delete;
  Tensor& operator*() { return wide_; }
  explicit operator bool() const { return bool(wide_); }
 private:
  Tensor y_, wide_;
};

}  // namespace mica
