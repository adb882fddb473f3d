#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>
#include "mica/core/tensor.h"
// Modules are plain structs. A module says once what it has,
//
//     void fields(Fields& f) { f.parameter("weight", weight); f.buffer("running_mean", running_mean); f.child("conv1", conv1); f.training(training); }
//
// and the functions of module.h walk it. Names join with dots: layer1.0.conv1.weight.
namespace mica {

class Fields {
 public:
  enum Kind { is_parameter, is_buffer };
  struct Visitor {  // what a walk does; each may be empty
    std::function<void(const std::string& path, Tensor& tensor, Kind kind)> tensor{};
    std::function<void(bool& training)> training{};
    std::function<void(const std::string& path)> ignored{};
  };
  explicit Fields(Visitor visitor) : visit_(std::move(visitor)) {}

  // What a module calls. An undefined tensor (a linear layer's bias that is not wanted) is passed over.
  void parameter(std::string_view name, Tensor& tensor) { visit(name, tensor, is_parameter); }  // trained
  void buffer(std::string_view name, Tensor& tensor) { visit(name, tensor, is_buffer); }        // saved, not trained
  void training(bool& flag) { if (visit_.training) visit_.training(flag); }
  void ignored(std::string_view name) { if (visit_.ignored) visit_.ignored(joined(name)); }     // a file may have it; load passes over it
  // A module, or a vector, array, tuple, optional, variant or unique_ptr of modules. Entries of a sequence are named 0, 1, ...
  template <class M> void child(std::string_view name, M& module) {
    const size_t before = path_.size();
    if (!path_.empty() && !name.empty()) path_ += '.';
    path_ += name;
    walk(module);
    path_.resize(before);
  }
  template <class M> void walk(M& module);

 private:
  void visit(std::string_view name, Tensor& tensor, Kind kind) { if (tensor && visit_.tensor) visit_.tensor(joined(name), tensor, kind); }
  std::string joined(std::string_view name) const { return path_.empty() ? std::string(name) : path_ + "." + std::string(name); }
  Visitor visit_;
  std::string path_;
};

namespace detail {
template <class M> constexpr bool is_pointer = false;  // and shared_ptr is none: clone would change the original
template <class M> constexpr bool is_pointer<std::optional<M>> = true;
template <class M, class D> constexpr bool is_pointer<std::unique_ptr<M, D>> = true;
template <class M> concept HasFields = requires(M& m, Fields& f) { m.fields(f); };
template <class M> concept Sequence = requires(M& m) { m.begin(); m.end(); m.size(); };
template <class M> concept Variant = requires { std::variant_size<std::remove_const_t<M>>::value; };
template <class M> concept Tuple = requires { std::tuple_size<M>::value; };
}  // namespace detail

// What can be walked. A struct without tensors has an empty fields().
template <class M> concept Module = detail::HasFields<M> || detail::is_pointer<M> || detail::Variant<M> || detail::Sequence<M> || detail::Tuple<M>;

template <class M> void Fields::walk(M& module) {
  if constexpr (detail::HasFields<M>) module.fields(*this);
  else if constexpr (detail::is_pointer<M>) { if (module) walk(*module); }
  else if constexpr (detail::Variant<M>) std::visit([this](auto& alternative) { this->walk(alternative); }, module);
  else if constexpr (detail::Sequence<M>) { int i = 0; for (auto& each : module) child(std::to_string(i++), each); }
  else if constexpr (detail::Tuple<M>) std::apply([this](auto&... each) { int i = 0; (this->child(std::to_string(i++), each), ...); }, module);
  else static_assert(!sizeof(M), "a module needs `void fields(Fields& f)`; so do the modules it holds");
}

struct Field {
  std::string path;
  Tensor tensor;
  Fields::Kind kind;
  std::vector<std::string> also;  // further names of the same tensor, where it is tied
};

// Every tensor of the model, each once, in the order of the fields and under its first name. Also tells each tensor its path, which errors
// name: the longest that it has had, so that walking a part of a model does not rename it. Throws Error if two tensors have one name.
std::vector<Field> collect_fields(const std::function<void(Fields&)>& walk);
template <Module M> std::vector<Field> fields(const M& model) {  // nothing of a const model changes: handles are copied
  return collect_fields([&](Fields& f) { f.walk(const_cast<M&>(model)); });
}

}  // namespace mica
