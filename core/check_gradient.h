#pragma once
#include <concepts>
#include <functional>
#include <string>
#include <vector>
#include "mica/core/tensor.h"
// Is a gradient right? For ops, and for any function of tensors.
namespace mica {

struct GradientOptions {
  double step = 1e-5;              // of the differences, times max(1, |x|)
  double tolerance = 1e-6;         // a gradient may be off by tolerance * (1 + |gradient|), and by the rounding of the differences
  int64_t max_elements = 1000;     // of an input with more, a sample of this many is checked
  std::vector<std::string> names = {};  // of the inputs, for the report; without them x[0], x[1], ...
};

struct GradientReport {
  bool ok = true;
  int64_t checked = 0, wrong = 0;       // elements
  double error = 0;                     // the largest, in units of what is allowed: up to 1 is right
  int input = -1;                       // where it is: the input, its element,
  Shape at;
  double analytic = 0, numeric = 0;     // what backward gives there and what the differences give
  std::string text;                     // all of this in words
  explicit operator bool() const { return ok; }
};

// Compares the gradients of L = sum(w * f(inputs)) that backward gives with central differences (L(x + h) - L(x - h)) / 2h, for every element of
// every float input that requires grad, or of every float input if none does. All float inputs are converted to float64, w are fixed numbers in
// [0.5, 1.5] of either sign, one for each element of the outputs. Each evaluation starts from the same random state, so that dropout drops the
// same elements; f must give the same for the same inputs otherwise.
//
// At a kink (relu at 0, equal values in a maximum) differences give the mean of the two slopes: choose inputs further than `step` from it. Ops
// that go through float32 or 16 bits inside cannot be checked so finely: raise `step` and `tolerance`.
//
// Throws Error if there is no float input, an output is no float, or backward fails.
using ManyToMany = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;
GradientReport check_gradient(const ManyToMany& f, const std::vector<Tensor>& inputs, const GradientOptions& options = {});

// The same for any f that takes tensors: check_gradient([](const Tensor& a, const Tensor& b) { return a * b; }, {a, b}). f takes as many tensors as
// there are inputs (up to 4) or a std::vector of them, and returns one or a std::vector.
template <class F> requires(!std::convertible_to<F, ManyToMany>)
GradientReport check_gradient(F f, const std::vector<Tensor>& x, const GradientOptions& options = {});

}  // namespace mica

namespace mica {
namespace detail {
void check_input_count(size_t have, size_t wanted);
}
template <class F> requires(!std::convertible_to<F, ManyToMany>)
GradientReport check_gradient(F f, const std::vector<Tensor>& x, const GradientOptions& options) {
  auto call = [&](const std::vector<Tensor>& v) {
    using T = const Tensor&;
    if constexpr (std::invocable<F&, const std::vector<Tensor>&>) return f(v);
    else if constexpr (std::invocable<F&, T>) { detail::check_input_count(v.size(), 1); return f(v[0]); }
    else if constexpr (std::invocable<F&, T, T>) { detail::check_input_count(v.size(), 2); return f(v[0], v[1]); }
    else if constexpr (std::invocable<F&, T, T, T>) { detail::check_input_count(v.size(), 3); return f(v[0], v[1], v[2]); }
    else { detail::check_input_count(v.size(), 4); return f(v[0], v[1], v[2], v[3]); }
  };
  return check_gradient(ManyToMany([&](const std::vector<Tensor>& v) {
    auto y = call(v);
    if constexpr (std::same_as<decltype(y), Tensor>) return std::vector<Tensor>{y}; else return y;
  }), x, options);
}
}  // namespace mica
