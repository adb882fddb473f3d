#include <cmath>
#include "mica/mica.h"
#include "mica/core/ops/contiguous.h"
#include "mica/core/philox.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

namespace {
// A random op draws a new mask with each call; a case needs the same one each time.
template <class F> auto fixed(F f) {
  return [f](const Inputs& x) {
    const RandomState before = random_state();
    set_random_state({77, 5});
    Tensor y = f(x[0]);
    set_random_state(before);
    return y;
  };
}
std::vector<double> kept(const Tensor& x, double p, size_t per_draw) {  // the definition, element by element
  std::vector<double> v = x.to_vector<double>();
  for (size_t i = 0; i < v.size(); ++i) {
    const size_t e = i / per_draw;
    v[i] = double(philox(77, 5, e / 4).word[e % 4] >> 8) * 0x1p-24 >= p ? v[i] / (1 - p) : 0;
  }
  return v;
}
}  // namespace

// Random123 1.14, kat_vectors: philox4x32 with 10 rounds. The counter's words are block low, high, call low, high; the key's are seed low, high.
TEST(Philox, KnownAnswers) {
  struct Case { uint64_t seed, call, block; uint32_t word[4]; };
  const Case cases[] = {{0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
                        {~uint64_t(0), ~uint64_t(0), ~uint64_t(0), {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
                        {0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
  for (const Case& c : cases) {
    const Philox p = philox(c.seed, c.call, c.block);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(p.word[i], c.word[i]) << std::hex << p.word[i];
  }
}

TEST(Dropout, Cases) {
  std::vector<OpCase> cases;
  std::vector<Shape> shapes = any_shapes();
  shapes.insert(shapes.end(), {{64}, {7, 33}, {2, 8, 3, 3}, {2, 19, 2, 6}, {257}});
  for (const Shape& s : shapes)
    for (double p : {0.0, 0.3, 0.9}) {
      const std::string at = to_string(s) + " p " + std::to_string(p);
      cases.push_back({"dropout " + at, {normal(s)}, fixed([p](const Tensor& x) { return dropout(x, {.p = p}); }), [p](auto& x) { return kept(x[0], p, 1); }});
    }
  for (const Shape& s : std::vector<Shape>{{3, 5}, {1, 1}, {5, 1}, {1, 6}, {2, 0}, {9, 2}, {2, 3, 4}, {3, 1, 5}, {1, 1, 9}, {0, 2, 3}, {4, 2, 1}, {2, 3, 4, 5}, {2, 17, 3, 3},
                                           {0, 3, 2, 2}, {1, 1, 1, 1}, {1, 3, 2, 2}, {2, 1, 3, 1}, {3, 2, 1, 4}, {2, 1, 2, 3, 2}, {1, 4, 1, 2, 2}, {2, 2, 1, 2, 1, 3}})
    for (double p : {0.2, 0.5})
      cases.push_back({"dropout2d " + to_string(s), {normal(s)}, fixed([p](const Tensor& x) { return dropout2d(x, {.p = p}); }),
                       [=](auto& x) { return kept(x[0], p, s.rank() == 2 ? 1 : size_t(s.count() / std::max<int64_t>(1, s[0] * s[1]))); }});
  check_all(cases);
}

TEST(Dropout, OneMaskForAllThreadsLayoutsAndDtypes) {
  const int before = threads();
  for (const Shape& s : {Shape{13, 24, 31, 19}, Shape{13, 27, 16, 20}}) {  // more than one part; blocks of four that cross every boundary, or none
    const Tensor x = ones(s);
    auto run = [&](const Tensor& x, int n) {
      set_threads(n);
      return fixed([](const Tensor& x) { return dropout(x, {.p = 0.25}); })({x}).to_vector<double>();
    };
    const std::vector<double> one = run(x, 1), expected = kept(x, 0.25, 1);
    for (size_t i = 0; i < one.size(); ++i) ASSERT_NEAR(one[i], expected[i], 1e-7) << i;
    EXPECT_EQ(one, run(x, 2));
    for (int n : {1, 2}) {
      EXPECT_EQ(one, run(contiguous(x, Layout::channels_last), n));
      EXPECT_EQ(one, run(expand(ones({1}), s), n));
      Shape wide = s;
      wide[3] = 2 * s[3] + 1;
      EXPECT_EQ(one, run(slice(ones(wide), 3, 1, to_end, 2), n));
    }
    for (DType t : {f64, bf16, f16}) {
      const std::vector<double> other = run(cast(x, t), 2);
      for (size_t i = 0; i < one.size(); ++i) ASSERT_EQ(one[i] == 0, other[i] == 0) << i;
    }
    if (!cuda_available()) continue;
    EXPECT_EQ(one, run(to(x, cuda()), 1));
    EXPECT_EQ(one, run(to(contiguous(x, Layout::channels_last), cuda()), 1));
    EXPECT_EQ(one, run(expand(ones({1}, {f32, cuda()}), s), 1));
    Shape longer{s.count() + 1};  // from the second element on: not on 16 bytes
    EXPECT_EQ(one, run(reshape(slice(ones(longer, {f32, cuda()}), 0, 1), s), 1));
    for (DType t : {f64, bf16, f16})
      for (Layout layout : {Layout::row_major, Layout::channels_last}) EXPECT_EQ(run(cast(x, t), 1), run(to(contiguous(cast(x, t), layout), cuda()), 1)) << name_of(t);
    auto whole = [&](const Tensor& x) { return fixed([](const Tensor& x) { return dropout2d(x, {.p = 0.25}); })({x}).to_vector<double>(); };
    for (DType t : {f64, f32, bf16, f16}) EXPECT_EQ(whole(cast(x, t)), whole(to(cast(x, t), cuda()))) << name_of(t);
  }
  set_threads(before);
}

TEST(Dropout, KeepsAsManyAsItShould) {
  const int64_t n = 1 << 20;
  seed(3);
  for (double p : {0.1, 0.5, 0.8}) {
    const Tensor y = dropout(ones({n}), {.p = p}), z = dropout(ones({n}), {.p = p});
    const std::vector<float> a = y.to_vector<float>(), b = z.to_vector<float>();
    double zeros = 0, both = 0, runs = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      zeros += a[i] == 0;
      both += a[i] == 0 && b[i] == 0;
      runs += i && (a[i] == 0) != (a[i - 1] == 0);
      ASSERT_TRUE(a[i] == 0 || std::abs(a[i] - 1 / (1 - p)) < 1e-6);
    }
    const double N = double(n), sigma = std::sqrt(N * p * (1 - p));  // 5 sigma of the binomial distribution
    EXPECT_NEAR(zeros, N * p, 5 * sigma);
    EXPECT_NEAR(both, N * p * p, 5 * std::sqrt(N * p * p * (1 - p * p)));       // calls are independent
    EXPECT_NEAR(runs, 2 * N * p * (1 - p), 10 * sigma);                         // and so are neighbours
  }
}

TEST(Dropout, BackwardUsesTheMaskOfForward) {
  seed(9);
  const Tensor x = ones({1000}).set_requires_grad(), image = ones({4, 50, 3, 3}).set_requires_grad();
  const Tensor y = dropout(x, {.p = 0.4}), z = dropout2d(image, {.p = 0.4});
  dropout(x);  // a later draw changes nothing
  y.backward(ones({1000}));
  z.backward(ones({4, 50, 3, 3}));
  EXPECT_EQ(x.grad().to_vector<float>(), y.to_vector<float>());
  EXPECT_EQ(image.grad().to_vector<float>(), z.to_vector<float>());
  EXPECT_EQ(random_state(), (RandomState{9, 3}));
}

TEST(Dropout, EdgesAndErrors) {
  const Tensor odd = tensor({INFINITY, NAN, 1, 2, 3});
  for (Device device : devices()) {
    EXPECT_EQ(dropout(to(odd, device), {.p = 1}).to_vector<double>(), std::vector<double>(5, 0.0));
    EXPECT_EQ(dropout2d(to(reshape(odd, {1, 5}), device), {.p = 1}).to_vector<double>(), std::vector<double>(5, 0.0));
  }
  EXPECT_EQ(dropout2d(ones({2, 3, 2, 2}), {.p = 1}).to_vector<double>(), std::vector<double>(24, 0.0));
  EXPECT_EQ(dropout(slice(odd, 0, 2), {.p = 0}).to_vector<double>(), (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(error_of([&] { dropout(odd, {.p = 1.5}); }), "dropout: p is 1.500000; it must be in [0, 1]\n  x: f32[5] on cpu");
  EXPECT_EQ(error_of([&] { dropout(odd, {.p = NAN}); }), "dropout: p is nan; it must be in [0, 1]\n  x: f32[5] on cpu");
  EXPECT_EQ(error_of([&] { dropout(zeros({2}, {i64})); }), "dropout: x must be a float tensor\n  x: i64[2] on cpu");
  EXPECT_EQ(error_of([&] { dropout2d(odd); }), "dropout2d: x must be [n, c, ...], not [5]\n  x: f32[5] on cpu");
}
