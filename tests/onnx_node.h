#pragma once
#include <nlohmann/json.hpp>
#include "golden_case.h"
#include "mica/mica.h"
// A node of ONNX as a test sees it: inputs, attributes, and how many outputs are asked for. It remembers which attributes were read.
namespace mica::testing {

class Node {
 public:
  // wide: float32 inputs as float64.
  Node(GoldenFile& file, const std::string& name, const nlohmann::json& attributes, bool wide) : attributes_(attributes) {
    for (int i = 0; i < 8; ++i) if (const std::string at = name + "/x" + std::to_string(i); file.has(at)) {
      x_[size_t(i)] = file.at(at);
      if (wide && x(i).dtype() == f32) x_[size_t(i)] = cast(x(i), f64);
    }
    while (file.has(name + "/y" + std::to_string(outputs))) ++outputs;
  }

  int outputs = 0;
  Tensor x(int i) const { return x_[size_t(i)]; }  // undefined where the node has none
  std::vector<Tensor> all() const {
    std::vector<Tensor> given;
    for (const Tensor& x : x_) if (x) given.push_back(x);
    return given;
  }
  // An input of integers, or an attribute of them: {} where there is none.
  std::vector<int64_t> integers(int i) const { return x(i) ? x(i).to_vector<int64_t>() : std::vector<int64_t>{}; }
  std::vector<int64_t> integers(const std::string& name) const { return get(name, std::vector<int64_t>{}); }
  template <class T> T get(const std::string& name, T otherwise) const {
    read_.insert(name);
    return attributes_.value(name, otherwise);
  }
  bool flag(const std::string& name, bool otherwise = false) const { return get(name, int(otherwise)) != 0; }
  int axis(int otherwise) const { return get("axis", otherwise); }
  Shape axes(int input) const {
    const auto v = integers(input);
    return Shape(std::span(v));
  }

  // Sizes and distances along an image's two dimensions; a row of pixels is an image of height 1.
  Pair pair(const std::string& name, int otherwise) const {
    const auto v = integers(name);
    return v.empty() ? Pair(otherwise) : v.size() == 1 ? Pair(name == "kernel_shape" ? 1 : otherwise, int(v[0])) : Pair(int(v[0]), int(v[1]));
  }
  // {left, right, top, bottom}, as pad takes them. SAME_...: as many as make ceil(size / stride) windows, an odd one after or before.
  std::vector<int64_t> padding(const Tensor& image, Pair window) const {
    const auto v = integers("pads");
    const std::string automatic = get<std::string>("auto_pad", "NOTSET");
    if (v.size() == 2) return {v[0], v[1], 0, 0};
    if (v.size() == 4) return {v[1], v[3], v[0], v[2]};
    if (!automatic.starts_with("SAME")) return {0, 0, 0, 0};
    const Pair stride = pair("strides", 1);
    std::vector<int64_t> pads;
    for (const auto& [size, step, reach] : {std::tuple{image.size(3), stride.w, window.w}, {image.size(2), stride.h, window.h}}) {
      const int64_t total = std::max<int64_t>(0, ((size + step - 1) / step - 1) * step + reach - size), less = total / 2;
      const bool upper = automatic == "SAME_UPPER";
      pads.insert(pads.end(), {upper ? less : total - less, upper ? total - less : less});
    }
    return pads;
  }

  std::vector<std::string> unread() const {
    std::vector<std::string> names;
    for (const auto& [name, value] : attributes_.items()) if (!read_.contains(name)) names.push_back(name);
    return names;
  }

 private:
  Tensor x_[8];
  const nlohmann::json& attributes_;
  mutable std::set<std::string> read_;
};

struct OnnxOp {
  std::function<Outputs(const Node&)> run;
  bool sums = false;  // an element is made of up to as many terms as the largest input has
};
// What mica calls for ONNX's op of that name.
const std::map<std::string, OnnxOp>& onnx_ops();

}  // namespace mica::testing
