#pragma once
#include "mica/core/check_gradient.h"
#include "mica/nn/module.h"

namespace mica {

// Are the gradients of a module's parameters and of its input right? check_gradient(MyLayer(3, 4), randn({2, 3})). A float64 clone of the module,
// with its training flag as it is, is checked at every parameter that requires grad and at x, if x is float; the report names them by path.
template <Module M> GradientReport check_gradient(const M& model, const Tensor& x, GradientOptions options = {}) {
  M copy = clone(model);
  to(copy, f64);
  std::vector<Tensor> inputs{clone(x)};
  if (is_float(x.dtype())) inputs[0].set_requires_grad();
  std::unordered_map<const Body*, size_t> place;
  options.names = {"x"};
  for (const Field& p : named_parameters(copy)) {
    if (!p.tensor.requires_grad()) continue;
    place[&p.tensor.body()] = inputs.size();
    inputs.push_back(p.tensor);
    options.names.push_back(p.path);
  }
  auto call = [&](const std::vector<Tensor>& v) {  // the module with the tensors v in place of its parameters
    M now = copy;
    Fields({.tensor = [&](const std::string&, Tensor& t, Fields::Kind) { if (auto at = place.find(&t.body()); at != place.end()) t = v[at->second]; }}).walk(now);
    return std::vector<Tensor>{now(v[0])};
  };
  return check_gradient(ManyToMany(call), inputs, options);
}

}  // namespace mica
