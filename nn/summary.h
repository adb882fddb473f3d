#pragma once
#include <iosfwd>
#include "mica/nn/module.h"

namespace mica {

// One op of a forward pass, in the order in which they run, changes of layout (contiguous) included.
struct LayerSummary {
  std::string path;               // of the module it sits in (layer1.0.conv1); empty for ops without parameters
  std::string op;                 // conv2d
  Shape output;
  DType dtype = f32;
  int64_t parameters = 0;         // numbers, counted where they are first used
  int64_t multiply_adds = 0;
  int64_t activation_bytes = 0;   // of the output; 0 for a view of the input
  int64_t receptive_field[2] = {1, 1};  // rows and columns of the model's input that one position of the output sees, padding included
};
struct Summary {
  Shape input;
  std::vector<LayerSummary> layers;
  int64_t parameters = 0, trainable_parameters = 0, parameter_bytes = 0, multiply_adds = 0, activation_bytes = 0;
};

namespace detail {
Summary summary(const std::vector<Field>& fields, const std::function<Tensor(const Tensor&)>& model, const Shape& input, std::optional<DType> dtype);
}  // namespace detail

// What the model does with an input of that shape, seen during a forward pass on zeros in inference mode, on the model's device and in its
// dtype (or the one given, for ids). The model stays as it is. Throws Error where the input does not fit.
template <Module M> Summary summary(const M& model, const Shape& input, std::optional<DType> dtype = {}) {
  M copy = model;  // shares the tensors, not the flags
  set_training(copy, false);
  return detail::summary(fields(copy), [&](const Tensor& x) { return copy(x); }, input, dtype);
}

std::string to_string(const Summary& summary);  // a table
std::ostream& operator<<(std::ostream& out, const Summary& summary);

}  // namespace mica
