#include <cmath>
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

namespace {
std::vector<double> by_definition(const Inputs& in, size_t d, double eps) {
  std::vector<double> y = in[0].to_vector<double>();
  const std::vector<double> w = in.size() > 1 ? in[1].to_vector<double>() : std::vector<double>(d, 1), b = in.size() > 2 ? in[2].to_vector<double>() : std::vector<double>(d, 0);
  for (size_t r = 0; r < y.size(); r += d) {
    long double mean = 0, var = 0;
    for (size_t i = 0; i < d; ++i) mean += y[r + i] / (long double)(d);
    for (size_t i = 0; i < d; ++i) var += (y[r + i] - mean) * (y[r + i] - mean) / (long double)(d);
    for (size_t i = 0; i < d; ++i) y[r + i] = double((y[r + i] - mean) / sqrtl(var + eps)) * w[i] + b[i];
  }
  return y;
}
}  // namespace

TEST(LayerNorm, Cases) {
  struct Case { Shape x; int dims; };
  const Case shapes[] = {{{3, 5}, 1}, {{7}, 1}, {{4, 1, 9}, 1}, {{2, 3, 4}, 2}, {{2, 3, 4}, 3}, {{2, 2, 3, 5}, 2}, {{1, 33}, 1}, {{3, 16}, 1}, {{2, 8}, 1}, {{70, 3}, 1}, {{2, 65}, 1}, {{4}, 1}, {{17}, 1}, {{1, 4}, 1}, {{5, 2}, 2}, {{0, 3}, 1},
                         {{3, 1, 4}, 1}, {{1, 2, 1, 3}, 3}, {{2, 1, 2, 3}, 1}, {{2, 1, 2, 3, 2}, 2}, {{2, 1, 2, 2, 1, 3}, 3}};
  std::vector<OpCase> cases;
  for (const auto& [s, dims] : shapes) {
    Shape last;
    for (int i = s.rank() - dims; i < s.rank(); ++i) last.push_back(s[i]);
    const size_t d = size_t(last.count());
    const Tensor x = distinct(s, 1), w = positive(last, 2), b = normal(last, 3);
    for (int arguments = 1; arguments <= 3; ++arguments) {
      OpCase c{"layer_norm " + to_string(s) + " over " + std::to_string(dims) + ", " + std::to_string(arguments) + " inputs", {x}, {}, {}, s.count() + 16, true};
      if (arguments > 1) c.inputs.push_back(w);
      if (arguments > 2) c.inputs.push_back(b);
      c.op = [dims = dims](const Inputs& in) { return layer_norm(in[0], in.size() > 1 ? in[1] : Tensor(), in.size() > 2 ? in[2] : Tensor(), {.dims = dims, .eps = 1e-3}); };
      c.oracle = [d](const Inputs& in) { return by_definition(in, d, double(1e-3)); };
      cases.push_back(c);
    }
  }
  check_all(cases);
}

TEST(LayerNorm, LargeMeansLoseNothing) {
  const Tensor x = cast(normal({40, 1000}), f32) + 1e4f;
  const std::vector<double> expected = by_definition({x}, 1000, 1e-5);
  for (Device device : devices()) {
    const std::vector<double> y = layer_norm(to(x, device)).to_vector<double>();
    for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], expected[i], 5e-6);
  }
}

// Rows of a part of a warp, of a block, and longer than a block holds; teams that take several rows, several blocks; memory that is not aligned.
TEST(LayerNorm, LargeOnCuda) {
  if (!cuda_available()) GTEST_SKIP() << "no GPU";
  for (const Shape& s : {Shape{700, 24}, Shape{2500, 3}, Shape{33, 130}, Shape{9, 513}, Shape{6, 2000}, Shape{3, 4096}, Shape{70, 9000}, Shape{2, 17001}})
    for (bool shifted : {false, true}) {
      const bool few = s.count() < 20000;
      if (shifted && !few) continue;
      const int64_t d = s[1];
      OpCase c{"layer_norm " + to_string(s) + (shifted ? ", not aligned" : ""), {normal(shifted ? Shape{s.count() + 1} : s, 1), positive({d}, 2), normal({d}, 3)}, {}, {}, s.count() + 16, true};
      c.op = [=](const Inputs& in) { return layer_norm(shifted ? reshape(slice(in[0], 0, 1), s) : in[0], in[1], in[2]); };
      for (DType t : {f64, f32, bf16, f16}) if (few || t == f32 || (t == bf16 && s[1] > 10000)) check_dtype(c, t, cuda());
      if (!few || shifted) continue;
      c.name += ", f32 beside bf16";
      c.op = [=](const Inputs& in) {
        const DType wide = in[0].dtype() == f64 ? f64 : f32;
        return layer_norm(in[0], cast(in[1], wide), cast(in[2], wide));
      };
      check_dtype(c, bf16, cuda());
    }
}

TEST(LayerNorm, ManyRowsOnOneAndTwoThreads) {
  const int before = threads();
  const Tensor x = uniform({700, 130}, -1, 1), w = uniform({130}, 1, 2), b = uniform({130}, -1, 1), dy = uniform({700, 130}, -1, 1);
  auto run = [&](DType t) {
    Inputs in = {cast(x, t).detach(), cast(w, t).detach(), cast(b, t).detach()};
    for (const Tensor& i : in) i.set_requires_grad();
    const Tensor y = layer_norm(in[0], in[1], in[2]);
    y.backward(cast(dy, t));
    return Inputs{y, in[0].grad(), in[1].grad(), in[2].grad()};
  };
  const Inputs expected = run(f64);
  for (int n : {1, 2}) {
    set_threads(n);
    const Inputs got = run(f32), again = run(f32);
    for (size_t k = 0; k < got.size(); ++k) {
      const std::vector<double> a = got[k].to_vector<double>(), b = expected[k].to_vector<double>();
      EXPECT_EQ(a, again[k].to_vector<double>());
      for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 2e-5) << k;
    }
  }
  set_threads(before);
}

TEST(LayerNorm, EmptyNanAndErrors) {
  for (Device device : devices()) {
    const TensorOptions o{f32, device};
    const Tensor w = ones({3}, o).set_requires_grad(), y = layer_norm(zeros({0, 3}, o), w);
    y.backward(zeros({0, 3}, o));
    EXPECT_EQ(w.grad().to_vector<double>(), (std::vector<double>{0, 0, 0}));
    const Tensor z = layer_norm(tensor({{1, NAN}, {3, 4}}, o));
    EXPECT_TRUE(std::isnan(z[0][0].item()) && std::isnan(z[0][1].item()));
    EXPECT_NEAR(z[1][0].item(), -1, 1e-4);
  }
  EXPECT_EQ(error_of([] { layer_norm(zeros({2, 3}), ones({2})); }),
            "layer_norm: weight must be [3], the sizes normalised together\n  x:      f32[2, 3] on cpu\n  weight: f32[2] on cpu");
  EXPECT_EQ(error_of([] { layer_norm(zeros({2, 3}), {}, {}, {.dims = 3}); }), "layer_norm: dims is 3, x has 2 dimensions\n  x: f32[2, 3] on cpu");
  EXPECT_EQ(error_of([] { layer_norm(zeros({2, 3}, {i32})); }), "layer_norm: x must be a float tensor\n  x: i32[2, 3] on cpu");
}
