#pragma once
#include <map>
#include <unordered_map>
#include "mica/nn/fields.h"
// What one does with a module: any struct with fields() (fields.h), and vectors, tuples, ... of such. In place: handles that others hold (an
// optimizer's, a tied layer's) stay valid. Copying a module shares its tensors; clone does not.
namespace mica {

using State = std::map<std::string, Tensor>;  // tensors by path

struct LoadOptions {
  bool partial = false;  // tensors that the file lacks stay as they are, and what the model lacks is passed over; shapes must fit
};

namespace detail {
std::vector<Tensor> tensors(std::vector<Field> fields, Fields::Kind kind);
State state(const std::vector<Field>& fields);
void convert(const std::vector<Field>& fields, std::optional<Device> device, std::optional<DType> compute);
void save(const std::vector<Field>& fields, const std::string& path, const std::map<std::string, std::string>& metadata);
void load(const std::vector<Field>& fields, const std::vector<std::string>& ignored, const State& state, const std::string& source, LoadOptions options);
State read_state(const std::string& path);
Tensor clone_once(std::unordered_map<const Body*, Tensor>& made, const Tensor& x);
template <Module M> std::vector<std::string> ignored(const M& model) {
  std::vector<std::string> result;
  Fields({.ignored = [&](const std::string& path) { result.push_back(path); }}).walk(const_cast<M&>(model));
  return result;
}
}  // namespace detail

// What is trained, what else is saved, and both by name (first names only, see Field). The tensors are the model's own, not copies.
template <Module M> std::vector<Tensor> parameters(const M& model) { return detail::tensors(fields(model), Fields::is_parameter); }
template <Module M> std::vector<Tensor> buffers(const M& model) { return detail::tensors(fields(model), Fields::is_buffer); }
template <Module M> std::vector<Field> named_parameters(const M& model) {
  auto all = fields(model);
  std::erase_if(all, [](const Field& f) { return f.kind != Fields::is_parameter; });
  return all;
}
template <Module M> State state(const M& model) { return detail::state(fields(model)); }
template <Module M> int64_t count_parameters(const M& model) {  // numbers, not tensors
  int64_t n = 0;
  for (const Tensor& p : parameters(model)) n += p.size();
  return n;
}

// Moves the model to a device, and sets the type that it computes in: f32; f64 for gradient checks; f16 or bf16, where parameters stay f32
// and linear, conv2d and embedding compute in 16 bits (core/shadow.h). Gradients are dropped where a parameter moves or changes its dtype.
// Throws Error for other types.
template <Module M> void to(M& model, Device device) { detail::convert(fields(model), device, {}); }
template <Module M> void to(M& model, DType compute) { detail::convert(fields(model), {}, compute); }
template <Module M> void to(M& model, Device device, DType compute) { detail::convert(fields(model), device, compute); }

// Behaviour that differs between training and use: dropout, batch statistics.
template <Module M> void set_training(M& model, bool on) { Fields({.training = [on](bool& flag) { flag = on; }}).walk(model); }
// A frozen model gets no gradients and is still saved.
template <Module M> void freeze(M& model, bool frozen = true) { for (const Tensor& p : parameters(model)) p.set_requires_grad(!frozen); }
template <Module M> void zero_grad(M& model) { for (const Tensor& p : parameters(model)) p.zero_grad(); }

// A model with tensors of its own, tied where the model's are tied; gradients are not copied.
template <Module M> M clone(const M& model) {
  M copy = model;
  std::unordered_map<const Body*, Tensor> made;
  Fields({.tensor = [&](const std::string&, Tensor& t, Fields::Kind) { t = detail::clone_once(made, t); }}).walk(copy);
  fields(copy);  // the new tensors learn their paths
  return copy;
}

// Writes the state as a safetensors file, under torchvision's names where the model is one of torchvision's. Throws IoError.
template <Module M> void save(const M& model, const std::string& path, const std::map<std::string, std::string>& metadata = {}) {
  detail::save(fields(model), path, metadata);
}
// Copies a state into the model's tensors, converting float types. Throws Error, and changes nothing, unless names and shapes fit: the text
// lists all that is missing, unexpected or of another shape. The file form throws IoError if it cannot be read.
template <Module M> void load(M& model, const State& state, LoadOptions options = {}) {
  detail::load(fields(model), detail::ignored(model), state, "the state", options);
}
template <Module M> void load(M& model, const std::string& path, LoadOptions options = {}) {
  detail::load(fields(model), detail::ignored(model), detail::read_state(path), path, options);
}

}  // namespace mica
