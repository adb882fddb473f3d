#pragma once
#include <functional>
#include <string>
#include <vector>

#include "mica/core/tensor.h"

namespace mica::tools {

enum class Pass { forward, backward, step };  // step: of an optimizer
const char* name_of(Pass pass);

// Makes the inputs of a case: numbers that are drawn once and equal in every dtype but for its rounding. Those of a gradient's interest require it.
class InputMaker {
 public:
  enum class Values { normal, positive, distinct };  // positive: in [0.25, 2.25); distinct: no two of the first million are equal
  InputMaker(DType dtype, Device device, bool small) : dtype_(dtype), device_(device), small_(small) {}

  std::int64_t pick(std::int64_t full, std::int64_t small) const { return small_ ? small : full; }
  DType dtype() const { return dtype_; }
  Device device() const { return device_; }

  Tensor x(const Shape& shape, Values values = Values::normal) { return made(shape, dtype_, Layout::row_major, values, 1).set_requires_grad(); }
  Tensor image(const Shape& shape) { return made(shape, dtype_, Layout::channels_last, Values::normal, 1).set_requires_grad(); }
  // A layer's parameter: f32 that kernels read in a 16-bit dtype, scaled for `terms` products to have variance 1; channels-last in rank 4.
  Tensor weight(const Shape& shape, std::int64_t terms);
  Tensor scale(const Shape& shape);  // a norm's or a bias: f32, or f64 beside f64
  Tensor constant(const Shape& shape, Values values = Values::normal) { return made(shape, dtype_, Layout::row_major, values, 1); }
  Tensor statistics(const Shape& shape) { return made(shape, wide(), Layout::row_major, Values::positive, 1); }
  Tensor ids(const Shape& shape, std::int64_t below);  // i64 in [0, below)
  Tensor mask(const Shape& shape);                     // bool, true for a third
  // A gradient for y, in y's dtype and strides.
  Tensor gradient_of(const Tensor& y);

 private:
  DType wide() const { return dtype_ == f64 ? f64 : f32; }
  Tensor made(const Shape& shape, DType dtype, Layout layout, Values values, double factor);
  Tensor filled(Tensor like, Values values, double factor);
  DType dtype_;
  Device device_;
  bool small_;
  std::int64_t number_ = 0;  // of the tensor: where in the numbers it starts
};

using Tensors = std::vector<Tensor>;

// One op, or what a user's function makes of several, at one size.
struct BenchCase {
  std::string op, text;                                       // "conv2d", "3x3, 64 to 64 channels, 56 x 56, batch 64": together the name
  std::function<Tensors(InputMaker&)> inputs;
  std::function<Tensor(const Tensors&)> call = {};
  std::string choice = "";                                    // the op's name in core/implementation.h, where it has several implementations
  // Bytes a pass must move, where they are not those of the tensors that the ops read, write and save: it is given the inputs and the result.
  std::function<double(Pass, const Tensors&, const Tensor& y)> bytes = {};
  // In place of `call`: what is to be timed, made once from the inputs (an optimizer keeps its state). Has only the pass `step`.
  std::function<std::function<Tensor()>(const Tensors&)> steps = {};

  std::string name() const { return op + " " + text; }
};

// Every op at sizes that networks have: those of layers first, then those of losses, reductions, indices and pointwise ops, then optimizers.
const std::vector<BenchCase>& bench_cases();

// The parts of it.
void add_layer_cases(std::vector<BenchCase>& cases);
void add_tensor_cases(std::vector<BenchCase>& cases);
void add_pointwise_cases(std::vector<BenchCase>& cases);
void add_optimizer_cases(std::vector<BenchCase>& cases);

}  // namespace mica::tools
