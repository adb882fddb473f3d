#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

namespace {
// One element at a time, from logical indices: batches by NumPy's broadcasting.
std::vector<double> naive(const Inputs& in) {
  auto matrix = [](const Tensor& x, bool row) { return x.rank() > 1 ? x.shape() : row ? Shape{1, x.size()} : Shape{x.size(), 1}; };
  const Shape a = matrix(in[0], true), b = matrix(in[1], false);
  const std::vector<double> va = in[0].to_vector<double>(), vb = in[1].to_vector<double>();
  const int64_t m = a[-2], k = a[-1], n = b[-1];
  Shape batch_a, batch_b;
  for (int i = 0; i < a.rank() - 2; ++i) batch_a.push_back(a[i]);
  for (int i = 0; i < b.rank() - 2; ++i) batch_b.push_back(b[i]);
  const Shape batch = broadcast(batch_a, batch_b);
  auto place = [&](const Shape& own, int64_t index) {
    int64_t at = 0, step = 1;
    for (int i = 1; i <= batch.rank(); ++i) {
      const int64_t here = index % batch[-i];
      index /= batch[-i];
      if (i > own.rank()) continue;
      at += (own[-i] == 1 ? 0 : here) * step;
      step *= own[-i];
    }
    return at;
  };
  std::vector<double> y;
  for (int64_t s = 0; s < batch.count(); ++s)
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t l = 0; l < k; ++l) sum += va[size_t((place(batch_a, s) * m + i) * k + l)] * vb[size_t((place(batch_b, s) * k + l) * n + j)];
        y.push_back(sum);
      }
  return y;
}
OpCase product(const Shape& a, const Shape& b) {
  return {"matmul " + to_string(a) + to_string(b), {normal(a, 1), normal(b, 2)}, [](auto& x) { return matmul(x[0], x[1]); }, naive,
          std::max<int64_t>(1, std::max(a.count(), b.count()))};
}
}  // namespace

TEST(Matmul, Shapes) {
  const std::pair<Shape, Shape> shapes[] = {
      {{1, 1}, {1, 1}}, {{3, 5}, {5, 7}}, {{1, 9}, {9, 4}}, {{8, 1}, {1, 6}}, {{5, 3}, {3, 1}}, {{17, 16}, {16, 33}}, {{2, 64}, {64, 3}},
      {{4}, {4}}, {{1}, {1}}, {{4}, {4, 3}}, {{3, 4}, {4}}, {{1, 7}, {7}}, {{2, 3, 4}, {4}}, {{4}, {2, 4, 3}},
      {{2, 3, 4}, {4, 5}}, {{2, 3, 4}, {2, 4, 5}}, {{3, 4}, {2, 4, 5}}, {{2, 1, 3, 4}, {3, 4, 2}}, {{1, 3, 4}, {5, 4, 2}}, {{3, 1, 2, 4}, {1, 2, 4, 3}},
      {{2, 2, 1, 4}, {4, 3}}, {{2, 3, 1}, {2, 1, 3}}, {{5, 1, 1, 2}, {2, 3}},
      {{0, 3}, {3, 2}}, {{3, 0}, {0, 2}}, {{3, 2}, {2, 0}}, {{0}, {0}}, {{0, 2, 3}, {3, 4}}, {{2, 0, 3}, {2, 3, 2}}, {{0, 2, 3}, {1, 3, 4}}};
  for (const auto& [a, b] : shapes) check(product(a, b));
}

TEST(Matmul, LargerProducts) {  // the fast path over several blocks and threads, against float64
  for (const auto& [m, n, k] : {std::tuple{129, 65, 257}, {1, 300, 1000}, {300, 1, 1000}, {64, 1000, 1}, {257, 31, 511}, {2, 513, 1025}}) {
    OpCase c = product({m, k}, {k, n});
    c.terms = std::max({m, n, k});
    check_values(c);
    check_dtype(c, f32);
    check_dtype(c, bf16);
    check_layouts(c);
  }
  OpCase batched = product({40, 33, 20}, {40, 20, 17}), shared = product({6, 1, 50, 40}, {3, 40, 30});
  batched.terms = shared.terms = 6 * 50;
  for (const OpCase& c : {batched, shared}) { check_values(c); check_dtype(c, f32); check_layouts(c); }
}

TEST(Matmul, ViewsGiveWhatCopiesGive) {
  const Tensor a = cast(normal({6, 5, 4}, 1), f32), b = cast(normal({6, 7, 5}, 2), f32);
  const Tensor y = matmul(transpose(a, 1, 2), transpose(b, 1, 2));
  const int64_t before = layout_conversions();
  matmul(transpose(a, 1, 2), transpose(b, 1, 2));
  EXPECT_EQ(layout_conversions(), before);
  const Tensor copies = matmul(contiguous(transpose(a, 1, 2)), contiguous(transpose(b, 1, 2)));
  const std::vector<double> got = y.to_vector<double>(), expected = copies.to_vector<double>();
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-5);
  const Tensor once = cast(normal({1, 5}, 3), f32), rows = expand(once, {4, 5});  // strides of 0
  const std::vector<double> repeated = matmul(rows, transpose(b[0], 0, 1)).to_vector<double>();
  for (int i = 0; i < 7; ++i) EXPECT_EQ(repeated[size_t(i)], repeated[size_t(21 + i)]);
}

TEST(Matmul, Integers) {
  const Tensor a = from<int64_t>({1, 2, 3, 4, 5, 6}, {2, 3}), b = from<int64_t>({1, -1, 2, 0, 3, int64_t(1) << 40}, {3, 2});
  EXPECT_EQ(matmul(a, b).to_vector<int64_t>(), (std::vector<int64_t>{14, (int64_t(3) << 40) - 1, 32, (int64_t(6) << 40) - 4}));
  EXPECT_EQ(matmul(cast(a, u8), cast(from<int64_t>({100, 100, 100}, {3}), u8)).to_vector<int>(), (std::vector<int>{600 % 256, 1500 % 256}));
  EXPECT_EQ(matmul(a, tensor({0.5, 0.5, 0.5})).to_vector<double>(), (std::vector<double>{3, 7.5}));
}

TEST(Matmul, Errors) {
  EXPECT_EQ(error_of([] { matmul(normal({2, 3}), normal({4, 5})); }),
            "matmul: a has 3 columns, b has 4 rows\n  a: f64[2, 3] on cpu\n  b: f64[4, 5] on cpu");
  EXPECT_EQ(error_of([] { matmul(normal({2, 2, 3}), normal({4, 3, 5})); }),
            "matmul: batches [2] of a and [4] of b do not broadcast\n  a: f64[2, 2, 3] on cpu\n  b: f64[4, 3, 5] on cpu");
  EXPECT_EQ(error_of([] { matmul(normal({}), normal({3})); }), "matmul: a has no dimension; use * for scalars\n  a: f64[] on cpu\n  b: f64[3] on cpu");
  EXPECT_EQ(error_of([] { matmul(normal({3}), {}); }), "matmul: b is undefined\n  a: f64[3] on cpu");
  EXPECT_EQ(error_of([] { matmul(cast(ids({2}, 2), boolean), cast(ids({2}, 2), boolean)); }),
            "matmul: a and b are bool; products need numbers\n  a: bool[2] on cpu\n  b: bool[2] on cpu");
}
