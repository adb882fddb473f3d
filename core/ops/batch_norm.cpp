#include "mica/core/ops/batch_norm.h"
#include "mica/core/kernels.h"
#include "mica/core/op.h"

namespace mica {
namespace op {
Spec BatchNorm::out(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean, const Tensor& running_var, const Tensor& add) const {
  if (!is_float(x.dtype())) throw Error("x must be a float tensor");
  if (x.rank() < 2) throw Error("x must be [n, c] or [n, c, ...], not " + to_string(x.shape()));
  const int64_t c = x.size(1);
  const DType wide = x.dtype() == f64 ? f64 : f32;
  auto check = [&](const Tensor& t, const char* what, bool may_be_half) {
    if (!t) return;
    if (t.shape() != Shape{c}) throw Error(std::string(what) + " must be [" + std::to_string(c) + "], one value per channel of x");
    if (t.dtype() != wide && !(may_be_half && t.dtype() == x.dtype()))
      throw Error(std::string(what) + " must be " + name_of(wide) + " beside x in " + name_of(x.dtype()));
  };
  check(weight, "weight", true);
  check(bias, "bias", true);
  check(running_mean, "running_mean", false);
  check(running_var, "running_var", false);
  for (const Tensor* t : {&running_mean, &running_var})
    if (*t && !t->is_contiguous()) throw Error("running statistics must be contiguous: they are updated in place");
  if (bool(running_mean) != bool(running_var)) throw Error("running_mean and running_var come together");
  if (!training && !running_mean) throw Error("outside training it needs running_mean and running_var");
  if (training && x.size() > 0 && x.size() == c) throw Error("expects more than 1 value per channel when training");
  if (add && (add.shape() != x.shape() || add.dtype() != x.dtype())) throw Error("add must have x's shape and dtype");
  return {x.shape(), x.dtype()};
}
}  // namespace op

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean, const Tensor& running_var, op::BatchNorm options,
                  const Tensor& add) {
  const bool saves_y = options.relu && (add || (options.training && x && x.dtype() == f16 && x.device() != cpu));
  Tensor y = saves_y ? apply(op::BatchNormSavesY{options}, x, weight, bias, running_mean, running_var, add)
                     : apply(options, x, weight, bias, running_mean, running_var, add);
  if (options.training && x.size() > 0) {
    NoGrad no_grad;
    for (const Tensor* t : {&running_mean, &running_var}) if (*t) written(*t, "batch_norm", "a copy");
  }
  return y;
}

}  // namespace mica
