#include "mica/nn/module.h"
#include "mica/core/kernels.h"
#include "mica/core/safetensors.h"
#include "mica/core/shadow.h"

namespace mica::detail {

std::vector<Tensor> tensors(std::vector<Field> fields, Fields::Kind kind) {
  std::vector<Tensor> result;
  for (Field& f : fields) if (f.kind == kind) result.push_back(std::move(f.tensor));
  return result;
}
State state(const std::vector<Field>& fields) {
  State result;
  for (const Field& f : fields) result.emplace(f.path, f.tensor);
  return result;
}

void convert(const std::vector<Field>& fields, std::optional<Device> device, std::optional<DType> compute) {
  if (compute && !is_float(*compute)) throw Error(std::string("to: a model computes in f32, f64, f16 or bf16, not in ") + name_of(*compute));
  for (const Field& f : fields) {
    const Tensor& x = f.tensor;
    const bool sets = compute && is_float(x.dtype());
    const TensorOptions target{!sets ? x.dtype() : is_half(*compute) ? f32 : *compute, device.value_or(x.device())};
    if (target.dtype != x.dtype() || target.device != x.device()) {
      Tensor y = empty(x.shape(), target);
      y.body().strides = packed_like(x);
      copy_into(y, x);
      exchange(x, y);
    }
    if (sets) set_compute_type(x, *compute);
  }
}

Tensor clone_once(std::unordered_map<const Body*, Tensor>& made, const Tensor& x) {
  Tensor& own = made[&x.body()];
  if (!own) {
    own = mica::clone(x);
    set_compute_type(own, compute_type(x));
    own.set_requires_grad(x.requires_grad());
  }
  return own;
}

void save(const std::vector<Field>& fields, const std::string& path, const std::map<std::string, std::string>& metadata) {
  save_safetensors(path, state(fields), metadata);
}
State read_state(const std::string& path) { return load_safetensors(path).tensors; }

namespace {
std::string brief(const Tensor& x) { return name_of(x.dtype()) + to_string(x.shape()); }
}  // namespace
void load(const std::vector<Field>& fields, const std::vector<std::string>& ignored, const State& state, const std::string& source, LoadOptions options) {
  std::vector<std::pair<Tensor, Tensor>> copies;
  State unknown = state;
  std::string missing, misfits, unexpected;
  for (const std::string& name : ignored) unknown.erase(name);
  for (const Field& f : fields) {
    auto found = state.find(f.path);
    unknown.erase(f.path);
    for (const std::string& name : f.also) {
      if (found == state.end()) found = state.find(name);
      unknown.erase(name);
    }
    if (found == state.end()) {
      if (!options.partial) missing += "\n  missing:    " + f.path + ", " + brief(f.tensor);
    } else if (const Tensor& x = found->second; x.shape() != f.tensor.shape() || is_float(x.dtype()) != is_float(f.tensor.dtype())) {
      misfits += "\n  misfit:     " + f.path + " is " + brief(x) + ", the model's " + brief(f.tensor);
    } else {
      copies.emplace_back(x, f.tensor);
    }
  }
  if (!options.partial) for (auto& [name, x] : unknown) unexpected += "\n  unexpected: " + name + ", " + brief(x);
  if (const std::string what = missing + unexpected + misfits; !what.empty()) throw Error("load: " + source + " does not fit the model" + what);
  if (copies.empty() && !fields.empty()) throw Error("load: " + source + " has none of the model's tensors");
  NoGrad no_grad;
  for (auto& [from, to] : copies) copy(from, to);
}

}  // namespace mica::detail
