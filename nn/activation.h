#pragma once
#include "mica/core/ops/pointwise.h"
#include "mica/nn/fields.h"
// Activations as modules, for options and for variants. In Sequential the functions do as well: Sequential{conv, relu, LeakyRelu({.slope = 0.2})}.
namespace mica {

template <class Op> struct Activation {
  Op options;
  Activation(Op options = {}) : options(options) {}
  Tensor operator()(const Tensor& x) const { return unary(options, x); }
  void fields(Fields&) {}
};
using Relu = Activation<op::Relu>;
using Relu6 = Activation<op::Relu6>;
using LeakyRelu = Activation<op::LeakyRelu>;  // {.slope = 0.01}
using Elu = Activation<op::Elu>;              // {.alpha = 1}
using Gelu = Activation<op::Gelu>;
using GeluTanh = Activation<op::GeluTanh>;
using Silu = Activation<op::Silu>;
using Softplus = Activation<op::Softplus>;    // {.beta = 1}
using Softsign = Activation<op::Softsign>;
using Sigmoid = Activation<op::Sigmoid>;
using Tanh = Activation<op::Tanh>;
using HardSigmoid = Activation<op::HardSigmoid>;
using HardSwish = Activation<op::HardSwish>;
using Step = Activation<op::Step>;

struct Identity {
  Tensor operator()(const Tensor& x) const { return x; }
  void fields(Fields&) {}
};

}  // namespace mica
