#pragma once
#include "mica/core/contract.h"
#include "mica/core/random.h"

namespace mica {
namespace op {
struct Dropout {
  double p = 0.5;              // the probability of a zero
  RandomState random = {};     // dropout() draws it; backward makes the mask again from it
  static constexpr auto name = "dropout";
  static constexpr Args<1> inputs{{{"x", strided}}}, outputs{{{"y", strided}}};
  Spec out(const Tensor& x) const;
  void forward(const Cpu&, const Tensor& x, Tensor& y) const;
  void forward(const Cuda&, const Tensor& x, Tensor& y) const;
  void backward(const Cpu&, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const;
  void backward(const Cuda&, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const;
};
struct Dropout2d {
  double p = 0.5;
  RandomState random = {};
  static constexpr auto name = "dropout2d";
  static constexpr Args<1> inputs{{{"x", channels_last}}}, outputs{{{"y", channels_last}}};
  Spec out(const Tensor& x) const;
  void forward(const Cpu&, const Tensor& x, Tensor& y) const;
  void forward(const Cuda&, const Tensor& x, Tensor& y) const;
  void backward(const Cpu&, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const;
  void backward(const Cuda&, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const;
};
}  // namespace op

// Each element is 0 with probability p and x / (1 - p) otherwise (Srivastava et al. 2014). x: any float; y is as x. Element i, in row-major
// order, stays where word i % 4 of philox(seed, call, i / 4), as a uniform number, is >= p: whatever device, layout or number of threads.
// Draws one random call. Nothing is saved. p = 1 gives zeros. Throws Error for p outside [0, 1]. In evaluation it is not called.
Tensor dropout(const Tensor& x, op::Dropout options = {});
// The same for whole channels of x, [n, c, ...]: one draw for each (n, c), in that order (Tompson et al. 2015).
Tensor dropout2d(const Tensor& x, op::Dropout2d options = {});

}  // namespace mica
