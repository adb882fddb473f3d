#pragma once
#include "golden_file.h"
#include "op_case.h"
// A row of a table beside the case of its name in a golden file: inputs x0, x1, ..., outputs y0, ..., the weights w0, ... of the loss, and its
// gradients dx0, ... (tools/golden/ops.py).
namespace mica::testing {

using Outputs = std::vector<Tensor>;

struct GoldenCase {
  std::string name;
  std::function<Outputs(const Inputs&)> op;  // an input that the file has not is undefined
  int64_t terms;                             // K of the bound in float32: how many products or sums make one element

  template <class F> GoldenCase(std::string name, F op, int64_t terms = 1) : name(std::move(name)), terms(terms) {
    if constexpr (std::is_convertible_v<std::invoke_result_t<F, const Inputs&>, Tensor>) this->op = [op](const Inputs& x) { return Outputs{op(x)}; };
    else this->op = op;
  }
};

// Runs the case in float64, to 1e-10 of the largest value of each result, and in float32, to the bound with that value as its scale (the inputs
// are float32 numbers). Every tensor of the case must be used.
void check(GoldenFile& file, const GoldenCase& c, std::initializer_list<DType> dtypes = {f64, f32});

// got beside expected: in f64 to 1e-10 of the largest value, in other dtypes to the bound with that value as its scale.
void compare(const std::string& what, const Tensor& got, const Tensor& expected, DType dtype, int64_t terms);

// Where two lists of names differ, as text; empty where they do not.
std::string differing(const std::set<std::string>& in_file, const std::vector<GoldenCase>& rows);

}  // namespace mica::testing
