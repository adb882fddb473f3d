#pragma once
#include "mica/core/contract.h"

namespace mica {
namespace op {
struct OneHot {
  int64_t classes;
  DType dtype = i64;
  static constexpr auto name = "one_hot";
  static constexpr Args<1> inputs{{{"ids", no_gradient}}}, outputs{{{"y"}}};
  Spec out(const Tensor& ids) const;
  void forward(const Cpu&, const Tensor& ids, Tensor& y) const;
  void forward(const Cuda&, const Tensor& ids, Tensor& y) const;
};
}  // namespace op

// 1 at each id, 0 elsewhere: ids [...] (i64, i32 or u8) -> [..., classes] of dtype. Throws Error for an id outside [0, classes).
Tensor one_hot(const Tensor& ids, int64_t classes, DType dtype = i64);

}  // namespace mica
