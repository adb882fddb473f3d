#pragma once
#include "mica/core/contract.h"

namespace mica {
namespace op {
struct BatchNorm {
  bool training = true;    // normalise by the batch's statistics and update the running ones; otherwise by the running ones
  double momentum = 0.1;   // running = (1 - momentum) running + momentum batch
  double eps = 1e-5;
  bool relu = false;       // y = max(y, 0) in the same pass
  static constexpr auto name = "batch_norm";
  static constexpr Args<6> inputs{{{"x", saved | channels_last}, {"weight", saved | optional}, {"bias", saved | optional},
                                   {"running_mean", optional | no_gradient}, {"running_var", optional | no_gradient},
                                   {"add", optional | channels_last | binds}}};
  static constexpr Args<1> outputs{{{"y", channels_last}}};
  struct State { Tensor mean, inverse_std, mask; };  // [c]: what x was normalised by. mask: what forward on a GPU leaves beside (where add and relu let through; cuDNN's reserve)
  Spec out(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean, const Tensor& running_var,
           const Tensor& add) const;
  void forward(const Cpu&, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean, const Tensor& running_var,
               const Tensor& add, Tensor& y, State& state) const;
  void forward(const Cuda&, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
               const Tensor& running_var, const Tensor& add, Tensor& y, State& state) const;
  void backward(const Cpu&, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                const Tensor& running_var, const Tensor& add, const Tensor& y, const State& state, const Tensor& dy, Tensor& dx,
                Tensor& dweight, Tensor& dbias, Tensor&, Tensor&, Tensor& dadd) const;
  void backward(const Cuda&, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                const Tensor& running_var, const Tensor& add, const Tensor& y, const State& state, const Tensor& dy, Tensor& dx,
                Tensor& dweight, Tensor& dbias, Tensor&, Tensor&, Tensor& dadd) const;
};
// With add and relu backward needs y to know where relu let through; with relu alone x says it, which saves a read of y in both passes. cuDNN's, which has
// relu in f16 only, needs y in either case: there y is saved too, mostly by a layer that reads it anyway.
struct BatchNormSavesY : BatchNorm {
  static constexpr Args<1> outputs{{{"y", channels_last | saved}}};
};
}  // namespace op

// y = relu?((x - mean) / sqrt(var + eps) weight + bias + add?), mean and var of each channel over all other dimensions (Ioffe and Szegedy
// 2015). x: [n, c] or [n, c, ...], any float; weight, bias: [c] or undefined (1 and 0), f32 or x's dtype; add: as x, or undefined. y is as
// x, channels-last. In training var is biased in y, and running_mean and running_var ([c], f32, or f64 beside f64; or undefined) are
// updated in place, with the unbiased variance. Otherwise they are mean and var. 16-bit x is computed in f32. Throws Error for shapes that
// do not fit, for one value per channel in training, and for missing running statistics otherwise.
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean, const Tensor& running_var,
                  op::BatchNorm options = {}, const Tensor& add = {});

}  // namespace mica
