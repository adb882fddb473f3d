#pragma once
#include <vector>
#include "mica/core/contract.h"

namespace mica {
namespace op {
struct Cat {
  int dim = 0;
  static constexpr auto name = "cat";
  static constexpr Args<1> inputs{{{"x", strided | binds}}}, outputs{{{"y", strided}}};
  Spec out(std::span<const Tensor> x) const;
  void forward(const auto& on, std::span<const Tensor> x, Tensor& y) const;
  void backward(const auto& on, std::span<const Tensor> x, const Tensor& y, const Tensor& dy, std::span<Tensor> dx) const;
};
}  // namespace op

// Tensors one after the other along a dimension; their other sizes must be equal. The dtype is the one all meet in; channels-last if all are.
Tensor cat(const std::vector<Tensor>& x, int dim = 0);
// Tensors of equal shape along a new dimension.
Tensor stack(const std::vector<Tensor>& x, int dim = 0);
// Views of x, each `size` long along a dimension; the last may be shorter.
std::vector<Tensor> split(const Tensor& x, int64_t size, int dim = 0);
// Views of x: at most `parts`, all of ceil(size / parts) but the last.
std::vector<Tensor> chunk(const Tensor& x, int parts, int dim = 0);

}  // namespace mica
