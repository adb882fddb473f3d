#include <gtest/gtest.h>
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using mica::testing::error_of;
using Doubles = std::vector<double>;

TEST(Create, Arange) {
  EXPECT_EQ(describe(arange(3)), "i64[3] on cpu");
  EXPECT_EQ(arange(3).to_vector<int64_t>(), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(arange(5, 1, -2).to_vector<int64_t>(), (std::vector<int64_t>{5, 3}));
  EXPECT_EQ(arange(1, 8, 3).to_vector<int64_t>(), (std::vector<int64_t>{1, 4, 7}));
  EXPECT_EQ(arange(1, 7, 3).to_vector<int64_t>(), (std::vector<int64_t>{1, 4}));
  EXPECT_EQ(describe(arange(0, 1, 0.25)), "f32[4] on cpu");
  EXPECT_EQ(arange(0, 1, 0.25).to_vector<double>(), (Doubles{0, 0.25, 0.5, 0.75}));
  EXPECT_EQ(arange(1.0, 0, -0.5).to_vector<double>(), (Doubles{1, 0.5}));
  EXPECT_EQ(describe(arange(0, 3, 1, {f64})), "f64[3] on cpu");
  for (const Tensor& none : {arange(0), arange(3, 3), arange(5, 1), arange(1, 5, -1), arange(-1.5)}) EXPECT_EQ(none.shape(), Shape{0});
  EXPECT_EQ(arange(INT64_MAX - 2, INT64_MAX).to_vector<int64_t>(), (std::vector<int64_t>{INT64_MAX - 2, INT64_MAX - 1}));
  EXPECT_EQ(arange(INT64_MIN, INT64_MAX, INT64_MAX).to_vector<int64_t>(), (std::vector<int64_t>{INT64_MIN, -1, INT64_MAX - 1}));
  EXPECT_EQ(error_of([] { arange(0, 3, 0); }), "arange: the step is 0");
  EXPECT_EQ(error_of([] { arange(0.0, INFINITY); }), "arange: from 0.000000 to inf by 1.000000 is no finite number of values");
  EXPECT_EQ(error_of([] { arange(INT64_MIN, INT64_MAX); }), "arange: too many values");
}

TEST(Create, Linspace) {
  EXPECT_EQ(linspace(0, 1, 5).to_vector<double>(), (Doubles{0, 0.25, 0.5, 0.75, 1}));
  EXPECT_EQ(linspace(3, 3, 1).to_vector<double>(), Doubles{3});
  EXPECT_EQ(linspace(1, 0, 0).shape(), Shape{0});
  const Doubles v = linspace(-0.1, 0.3, 1001, {f64}).to_vector<double>();
  EXPECT_EQ(v.front(), -0.1);
  EXPECT_EQ(v.back(), 0.3);
  for (size_t i = 0; i < v.size(); ++i) EXPECT_NEAR(v[i], -0.1 + 0.4 * double(i) / 1000, 2e-16);
  EXPECT_EQ(error_of([] { linspace(0, 1, -1); }), "linspace: -1 values");
}

TEST(Create, Eye) {
  EXPECT_EQ(eye(2).to_vector<double>(), (Doubles{1, 0, 0, 1}));
  EXPECT_EQ(eye(2, 3, {i64}).to_vector<double>(), (Doubles{1, 0, 0, 0, 1, 0}));
  EXPECT_EQ(eye(3, 2, {boolean}).to_vector<double>(), (Doubles{1, 0, 0, 1, 0, 0}));
  EXPECT_EQ(eye(0, 3).shape(), (Shape{0, 3}));
}

TEST(Create, RandomLike) {
  const Tensor x = contiguous(zeros({2, 3, 4, 5}, {f64}), Layout::channels_last);
  seed(3);
  const Tensor u = rand_like(x), n = randn_like(x);
  EXPECT_EQ(describe(u), describe(x));
  EXPECT_EQ(u.strides(), x.strides());
  seed(3);
  EXPECT_EQ(rand({2, 3, 4, 5}, {f64}).to_vector<double>(), u.to_vector<double>());
  EXPECT_EQ(randn({2, 3, 4, 5}, {f64}).to_vector<double>(), n.to_vector<double>());
  EXPECT_EQ(error_of([] { rand_like(arange(3)); }), "uniform: needs a float dtype, not i64");
}

TEST(Create, Triangles) {
  const Tensor x = reshape(arange(1, 7, 1, {f32}), {2, 3});
  EXPECT_EQ(tril(x).to_vector<double>(), (Doubles{1, 0, 0, 4, 5, 0}));
  EXPECT_EQ(tril(x, 1).to_vector<double>(), (Doubles{1, 2, 0, 4, 5, 6}));
  EXPECT_EQ(tril(x, -5).to_vector<double>(), Doubles(6));
  EXPECT_EQ(triu(x).to_vector<double>(), (Doubles{1, 2, 3, 0, 5, 6}));
  EXPECT_EQ(triu(x, -1).to_vector<double>(), x.to_vector<double>());
  EXPECT_EQ(triu(x, 1).to_vector<double>(), (Doubles{0, 2, 3, 0, 0, 6}));
  EXPECT_EQ(describe(triu(cast(x, i32))), "i32[2, 3] on cpu");
  EXPECT_EQ(tril(full({2, 2}, NAN)).to_vector<double>()[1], 0);
  EXPECT_EQ(error_of([] { tril(arange(3)); }), "tril: x has 1 dimensions; at least 2 are needed\n  x: i64[3] on cpu");
  std::vector<mica::testing::OpCase> cases;
  for (const Shape& shape : {Shape{3, 3}, Shape{2, 3, 4}, Shape{1, 5}, Shape{5, 1}, Shape{2, 0}, Shape{2, 2, 3, 2}})
    for (const int k : {0, 1, -1, 2}) {
      const auto oracle = [shape, k](const mica::testing::Inputs& x, bool upper) {
        Doubles v = x[0].to_vector<double>();
        for (int64_t i = 0; i < int64_t(v.size()); ++i) {
          const int64_t column = i % shape[-1], row = i / shape[-1] % shape[-2];
          if (upper ? column - row < k : column - row > k) v[size_t(i)] = 0;
        }
        return v;
      };
      const std::string name = to_string(shape) + " " + std::to_string(k);
      cases.push_back({"tril " + name, {mica::testing::normal(shape)}, [k](auto& x) { return tril(x[0], k); }, [oracle](auto& x) { return oracle(x, false); }});
      cases.push_back({"triu " + name, {mica::testing::normal(shape)}, [k](auto& x) { return triu(x[0], k); }, [oracle](auto& x) { return oracle(x, true); }});
    }
  check_all(cases);
}
