#pragma once
#include <gtest/gtest.h>
#include <functional>
#include <string>
#include <vector>
#include "mica/core/tensor.h"
// One case of an op serves several checks: values against an independent oracle, gradients by central differences, the fast dtypes against
// float64, inputs of any memory layout, and the same dtypes and layouts on a GPU (or the emulated device), where there is one.
namespace mica::testing {

using Inputs = std::vector<Tensor>;

struct OpCase {
  std::string name;
  Inputs inputs;                                   // floats in f64 (they get gradients), ids and masks as they are
  std::function<Tensor(const Inputs&)> op;
  std::function<std::vector<double>(const Inputs&)> oracle = {};  // optional: the values in row-major order, computed in the test
  int64_t terms = 1;                               // K: how many products or sums make one element (the larger of forward and backward)
  bool scale_by_largest = false;                   // S is max |y|, where the op on absolute values says nothing (norms: they subtract)
  std::vector<int> fixed = {};                     // float inputs that have no gradient
  bool floats_only = false;                        // no 16-bit run: the op needs more than 8 bits of its inputs to mean anything
  double gradient_tolerance = 1e-6;                // relative to 1 + |gradient|
  double step = 1e-5;                              // of the central differences
  bool differentiable = true;
  double least_scale = 0;                          // S is at least this: the size of terms that cancel (probability - target)
};

// Every check that applies; failures are reported with the case's name.
void check(const OpCase& c);
void check_all(const std::vector<OpCase>& cases);

void check_values(const OpCase& c);                // f64 against the oracle
void check_gradients(const OpCase& c);             // f64 against central differences
void check_dtype(const OpCase& c, DType dtype, Device device = cpu);  // values and gradients against f64 on the CPU at the same rounded inputs
void check_layouts(const OpCase& c, Device device = cpu);             // permuted, channels-last and sliced inputs give what row-major ones give
void check_cuda(const OpCase& c);                  // both, on cuda, in every dtype

// |y - y64| <= 4 eps(accumulation) sqrt(K) S + ulp(y64) in dtype. S: the same op on absolute values.
double bound(double y64, double scale, int64_t terms, DType dtype);

// f64 values: smooth ones of mean 0; positive ones; distinct ones that keep `gap` from 0 and from each other (for kinks and ties).
Tensor normal(const Shape& shape, uint64_t seed = 1);
Tensor positive(const Shape& shape, uint64_t seed = 1);
Tensor distinct(const Shape& shape, uint64_t seed = 1, double gap = 0.01);
Tensor ids(const Shape& shape, int64_t below, uint64_t seed = 1);  // i64 in [0, below)
// Any rank, sizes 0, 1, odd and beyond a SIMD batch: the shapes that ops which take any are differentiated at.
const std::vector<Shape>& any_shapes();
Tensor values(const Shape& shape, const std::vector<double>& v);   // f64

// What is said of a GPU that this build or machine has not.
std::string no_gpu(int index);
// Where a test runs: cpu, and cuda where there is a GPU or the emulated device (one alone where MICA_TEST_DEVICES names it).
const std::vector<Device>& devices();

// The text of what f throws, or "(nothing thrown)".
std::string error_of(const std::function<void()>& f);

}  // namespace mica::testing
