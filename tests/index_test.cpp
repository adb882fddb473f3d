#include <gtest/gtest.h>
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using mica::testing::error_of;
using Doubles = std::vector<double>;

static Tensor counted(const Shape& shape) { return reshape(arange(0, shape.count(), 1, {f64}), shape); }

TEST(Index, AsNumPy) {  // the expected values: NumPy, x = arange(24).reshape(2, 3, 4)
  const Tensor x = counted({2, 3, 4});
  EXPECT_EQ(index(x, {1, 2, 3}).item(), 23);
  EXPECT_EQ(index(x, {-1, -3, 0}).item(), 12);
  EXPECT_EQ(index(x, {}).shape(), x.shape());
  EXPECT_EQ(index(x, {1}).to_vector<double>(), x[1].to_vector<double>());
  EXPECT_EQ(index(x, {0, Range{1, 3}}).to_vector<double>(), (Doubles{4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(index(x, {Range{}, 1, Range{1, to_end, 2}}).to_vector<double>(), (Doubles{5, 7, 17, 19}));
  EXPECT_EQ(index(x, {Range{}, 1, Range{-2}}).to_vector<double>(), (Doubles{6, 7, 18, 19}));
  EXPECT_EQ(index(x, {ellipsis, 3}).to_vector<double>(), (Doubles{3, 7, 11, 15, 19, 23}));
  EXPECT_EQ(index(x, {1, ellipsis, Range{0, 1}}).to_vector<double>(), (Doubles{12, 16, 20}));
  EXPECT_EQ(index(x, {0, ellipsis, 0, 0}).item(), 0);
  EXPECT_EQ(index(x, {new_axis, ellipsis}).shape(), (Shape{1, 2, 3, 4}));
  EXPECT_EQ(index(x, {1, new_axis, Range{}, new_axis, 2, new_axis}).shape(), (Shape{1, 3, 1, 1}));
  EXPECT_EQ(index(x, {1, new_axis, Range{}, new_axis, 2, new_axis}).to_vector<double>(), (Doubles{14, 18, 22}));
  EXPECT_EQ(index(x, {Range{2, 1}}).shape(), (Shape{0, 3, 4}));
  EXPECT_EQ(index(full({}, 3), {new_axis}).shape(), Shape{1});
}

TEST(Index, IsAView) {
  const Tensor x = counted({2, 3, 4});
  copy(tensor({-1, -2}), index(x, {1, 2, Range{0, to_end, 2}}));
  fill(index(x, {0, ellipsis, 1}), 50);
  EXPECT_EQ(x.to_vector<double>(), (Doubles{0, 50, 2, 3, 4, 50, 6, 7, 8, 50, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, -1, 21, -2, 23}));
}

TEST(Index, GradientsPass) {
  const Tensor x = counted({2, 3}).set_requires_grad();
  (index(x, {1, Range{1}}) * 3).backward(ones({2}, {f64}));
  EXPECT_EQ(x.grad().to_vector<double>(), (Doubles{0, 0, 0, 0, 3, 3}));
}

TEST(Index, Mistakes) {
  const Tensor x = counted({2, 3});
  EXPECT_EQ(error_of([&] { index(x, {0, 0, 0}); }), "index: 3 indices for 2 dimensions\n  x: f64[2, 3] on cpu");
  EXPECT_EQ(error_of([&] { index(x, {ellipsis, ellipsis}); }), "index: more than one ellipsis");
  EXPECT_EQ(error_of([&] { index(x, {Range{}, 3}); }), "select: index 3 is out of range for dimension 1 of size 3\n  x: f64[2, 3] on cpu");
  EXPECT_EQ(error_of([&] { index(x, {Range{0, 2, 0}}); }), "slice: step is 0; it must be at least 1\n  x: f64[2, 3] on cpu");
}
