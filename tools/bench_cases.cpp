#include "mica/tools/bench_cases.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "mica/core/ops/pointwise.h"
#include "mica/core/random.h"
#include "mica/core/shadow.h"

namespace mica::tools {
namespace {

constexpr std::int64_t block = 1 << 20;  // numbers that are drawn; longer tensors repeat them

struct Numbers {
  std::vector<float> normal, positive, distinct;
  Numbers() {
    const RandomState before = random_state();
    set_random_state({1, 0});
    normal = randn({block}).to_vector<float>();
    positive = uniform({block}, 0.25, 2.25).to_vector<float>();
    const std::vector<float> order = randperm(block).to_vector<float>();
    for (const float i : order) distinct.push_back((i + 0.5f) / (block / 2) - 1);
    set_random_state(before);
  }
};

const std::vector<float>& numbers(InputMaker::Values values) {
  static const Numbers all;
  return values == InputMaker::Values::normal ? all.normal : values == InputMaker::Values::positive ? all.positive : all.distinct;
}

}  // namespace

const char* name_of(Pass pass) { return pass == Pass::forward ? "forward" : pass == Pass::backward ? "backward" : "step"; }

// `like` (f32 on the CPU, packed) with the numbers from this tensor's place on, in the order of memory.
Tensor InputMaker::filled(Tensor like, Values values, double factor) {
  const std::vector<float>& from = numbers(values);
  float* to = like.data_mut<float>();
  std::int64_t at = number_++ * 7919 % block;
  for (std::int64_t i = 0; i < like.size();) {
    const std::int64_t count = std::min(block - at, like.size() - i);
    std::memcpy(to + i, from.data() + at, static_cast<std::size_t>(count) * sizeof(float));
    i += count;
    at = 0;
  }
  if (factor != 1) std::transform(to, to + like.size(), to, [&](float v) { return v * static_cast<float>(factor); });
  return like;
}

Tensor InputMaker::made(const Shape& shape, DType dtype, Layout layout, Values values, double factor) {
  NoGrad no_grad;
  return to(cast(filled(empty(shape, {f32, cpu}, layout), values, factor), dtype), device_);
}

Tensor InputMaker::weight(const Shape& shape, std::int64_t terms) {
  const Layout layout = shape.rank() == 4 ? Layout::channels_last : Layout::row_major;
  const Tensor rounded = made(shape, dtype_, layout, Values::normal, 1 / std::sqrt(static_cast<double>(terms)));
  const Tensor w = cast(rounded, wide()).set_requires_grad();
  if (dtype_ != wide()) set_compute_type(w, dtype_);
  return w;
}

Tensor InputMaker::scale(const Shape& shape) { return made(shape, wide(), Layout::row_major, Values::normal, 1).set_requires_grad(); }

Tensor InputMaker::ids(const Shape& shape, std::int64_t below) {
  const std::vector<float>& from = numbers(Values::distinct);
  const std::int64_t at = number_++ * 7919;
  std::vector<std::int64_t> values(static_cast<std::size_t>(shape.count()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = std::min(below - 1, static_cast<std::int64_t>((static_cast<double>(from[(static_cast<std::size_t>(at) + i) % block]) + 1) / 2 * static_cast<double>(below)));
  return to(mica::from(values, shape), device_);
}

Tensor InputMaker::mask(const Shape& shape) {
  NoGrad no_grad;
  return made(shape, f32, Layout::row_major, Values::distinct, 1) > Scalar(1.0 / 3);
}

Tensor InputMaker::gradient_of(const Tensor& y) {
  NoGrad no_grad;
  Tensor shaped = empty(y.shape(), {f32, cpu}, y.has_layout(Layout::channels_last) ? Layout::channels_last : Layout::row_major);
  return to(cast(filled(std::move(shaped), Values::normal, 1), y.dtype()), device_);
}

const std::vector<BenchCase>& bench_cases() {
  static const std::vector<BenchCase> all = [] {
    std::vector<BenchCase> cases;
    add_layer_cases(cases);
    add_tensor_cases(cases);
    add_pointwise_cases(cases);
    add_optimizer_cases(cases);
    return cases;
  }();
  return all;
}

}  // namespace mica::tools
