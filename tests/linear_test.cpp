#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

namespace {
std::vector<double> naive(const Inputs& in) {
  const std::vector<double> x = in[0].to_vector<double>(), w = in[1].to_vector<double>();
  const std::vector<double> b = in.size() > 2 ? in[2].to_vector<double>() : std::vector<double>();
  const size_t out = size_t(in[1].shape()[0]), depth = size_t(in[1].shape()[1]);
  size_t rows = 1;
  for (int i = 0; i + 1 < in[0].rank(); ++i) rows *= size_t(in[0].shape()[i]);
  std::vector<double> y;
  for (size_t r = 0; r < rows; ++r)
    for (size_t o = 0; o < out; ++o) {
      double sum = b.empty() ? 0 : b[o];
      for (size_t i = 0; i < depth; ++i) sum += x[r * depth + i] * w[o * depth + i];
      y.push_back(sum);
    }
  return y;
}
OpCase layer(const Shape& x, int64_t out, bool bias) {
  const int64_t in = x[-1];
  OpCase c{"linear " + to_string(x) + " to " + std::to_string(out) + (bias ? " with bias" : ""), {normal(x, 1), normal({out, in}, 2)},
           [](auto& t) { return t.size() > 2 ? linear(t[0], t[1], t[2]) : linear(t[0], t[1]); }, naive,
           std::max<int64_t>({1, in + 1, out, in ? x.count() / in : 1})};
  if (bias) c.inputs.push_back(normal({out}, 3));
  return c;
}
}  // namespace

TEST(Linear, Shapes) {
  const std::pair<Shape, int64_t> shapes[] = {{{1, 1}, 1}, {{3, 5}, 7}, {{1, 9}, 4}, {{4, 1}, 3}, {{5, 8}, 1}, {{2, 17}, 16}, {{16, 3}, 9}, {{5}, 3}, {{1}, 1},
                                              {{2, 3, 4}, 5}, {{2, 2, 3, 4}, 3}, {{1, 3, 1}, 2}, {{0, 4}, 3}, {{3, 0}, 2}, {{3, 4}, 0}, {{2, 0, 3}, 2},
                                              {{6, 2}, 2}, {{17}, 5}, {{1, 33}, 1}, {{2, 1, 3, 2}, 4}, {{1, 2, 1, 2, 3}, 3}, {{9, 4}, 9}};
  for (const auto& [x, out] : shapes) for (bool bias : {false, true}) check(layer(x, out, bias));
}

TEST(Linear, LargerLayers) {
  for (const auto& [n, in, out] : {std::tuple{128, 100, 30}, {1, 784, 256}, {1, 1030, 10}, {3, 257, 129}, {65, 33, 511}}) {
    const OpCase c = layer({n, in}, out, true);
    check_values(c);
    for (DType t : {f32, bf16, f16}) check_dtype(c, t);
    check_layouts(c);
  }
}

TEST(Linear, CastsToTheWeight) {
  const Tensor x = cast(normal({2, 3}), f32), w = cast(normal({4, 3}, 2), bf16).set_requires_grad(), b = cast(normal({4}, 3), f32).set_requires_grad();
  const Tensor y = linear(x, w, b);
  EXPECT_EQ(y.dtype(), bf16);
  y.backward(ones({2, 4}, {bf16}));
  EXPECT_EQ(w.grad().dtype(), bf16);
  EXPECT_EQ(b.grad().dtype(), f32);
  EXPECT_EQ(b.grad().to_vector<double>(), (std::vector<double>{2, 2, 2, 2}));
  EXPECT_EQ(linear(x, cast(w.detach(), f64), b.detach()).dtype(), f64);
}

TEST(Linear, TransposedViewsAreNotCopied) {
  const Tensor x = cast(normal({5, 3}), f32), w = cast(normal({5, 4}, 2), f32);
  const int64_t before = layout_conversions();
  const Tensor in = transpose(x, 0, 1).detach().set_requires_grad();
  const Tensor y = linear(in, transpose(w, 0, 1));
  y.backward(ones({3, 4}));
  EXPECT_EQ(layout_conversions(), before);
  EXPECT_EQ(in.grad().strides(), in.strides());
}

TEST(Linear, Errors) {
  EXPECT_EQ(error_of([] { linear(normal({2, 100}), normal({10, 784})); }),
            "linear: weight expects 784 input features, x has 100\n  x:      f64[2, 100] on cpu\n  weight: f64[10, 784] on cpu");
  EXPECT_EQ(error_of([] { linear(normal({2, 3}), normal({4, 3}), normal({3})); }),
            "linear: bias must be [4] for the outputs of weight, it is [3]\n  x:      f64[2, 3] on cpu\n  weight: f64[4, 3] on cpu\n  bias:   f64[3] on cpu");
  EXPECT_EQ(error_of([] { linear(normal({2, 3}), normal({3})); }),
            "linear: weight must be [out, in], it has 1 dimensions\n  x:      f64[2, 3] on cpu\n  weight: f64[3] on cpu");
  EXPECT_EQ(error_of([] { linear(normal({}), normal({4, 3})); }),
            "linear: x has no dimension; it must be [..., 3]\n  x:      f64[] on cpu\n  weight: f64[4, 3] on cpu");
  EXPECT_EQ(error_of([] { linear(normal({3}), ids({4, 3}, 5)); }), "linear: needs a float dtype, not i64\n  x:      f64[3] on cpu\n  weight: i64[4, 3] on cpu");
}
