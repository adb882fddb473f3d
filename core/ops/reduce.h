#pragma once
#include "mica/core/contract.h"
// Reductions: many elements to one. `dims` names the dimensions that go (negative: from the end; none named: all); with `keepdim` they stay
// with size 1. They take any strides; 16-bit floats are accumulated in at least f32.
namespace mica {

struct Reduce {
  Shape dims = {};
  bool keepdim = false;
};

namespace op {
struct Sum {
  Reduce over;
  std::optional<DType> dtype{};  // of the result, which is otherwise x's, or i64 for integers and bool
  static constexpr auto name = "sum";
  static constexpr Args<1> inputs{{{"x", strided | binds}}}, outputs{{{"y", strided}}};
  Spec out(const Tensor& x) const;
  void forward(const auto& on, const Tensor& x, Tensor& y) const;
  void backward(const auto& on, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const;
};
struct Norm {
  double p = 2;
  Shape dims = {};
  bool keepdim = false;
  static constexpr auto name = "norm";
  static constexpr Args<1> inputs{{{"x", strided | saved}}}, outputs{{{"y", strided | saved}}};
  Spec out(const Tensor& x) const;
  void forward(const auto& on, const Tensor& x, Tensor& y) const;
  void backward(const auto& on, const Tensor& x, const Tensor& y, const Tensor& dy, Tensor& dx) const;
};
}  // namespace op

struct VarOptions {
  Shape dims = {};
  bool keepdim = false;
  double correction = 1;  // subtracted from the number of elements: 1 for a sample's unbiased variance, 0 for a population's
};

Tensor sum(const Tensor& x, Reduce over = {});           // dtype: x's; integers and bool give i64. Of no elements: 0
Tensor mean(const Tensor& x, Reduce over = {});          // of floats; throws Error for integers and bool. Of no elements: NaN
Tensor var(const Tensor& x, VarOptions options = {});    // sum of (x - mean)^2 / (count - correction), of floats
Tensor std_dev(const Tensor& x, VarOptions options = {});  // its square root
// The largest or smallest element; NaN if there is one. Equal ones share the gradient. Throws Error for an empty dimension.
Tensor max(const Tensor& x, Reduce over = {});
Tensor min(const Tensor& x, Reduce over = {});
// Where along dim it is: i64, the first of equal ones, and the first NaN if there is one. The dimension goes.
Tensor argmax(const Tensor& x, int dim = -1);
Tensor argmin(const Tensor& x, int dim = -1);
// (sum |x|^p)^(1/p) for p > 0; p = HUGE_VAL: the largest |x|. norm(x, {.p = 1}). Its gradient at 0 is 0.
Tensor norm(const Tensor& x, op::Norm options = {});
Tensor all(const Tensor& x, Reduce over = {});           // bool: whether no element is 0
Tensor any(const Tensor& x, Reduce over = {});           // bool: whether some element is not 0 (NaN is not)
Tensor logsumexp(const Tensor& x, Reduce over = {});     // log of the sum of exp(x), without overflow

}  // namespace mica
