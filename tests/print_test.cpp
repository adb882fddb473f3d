#include <gtest/gtest.h>
#include <cmath>
#include <sstream>
#include "mica/mica.h"

using namespace mica;

// The expected texts are what NumPy 2.4 prints for the same arrays (true and false for its True and False), with the last line where it is due.
TEST(Print, AsNumPyDoes) {
  EXPECT_EQ(to_string(tensor({1, 2, 3})), "[1. 2. 3.]");
  EXPECT_EQ(to_string(tensor({0.1, -2.25, 1e3})), "[ 1.00e-01 -2.25e+00  1.00e+03]");
  EXPECT_EQ(to_string(tensor({{1, 2}, {3, 4.5}})), R"([[1.  2. ]
 [3.  4.5]])");
  EXPECT_EQ(to_string(tensor({1e-5, 1})), "[1.e-05 1.e+00]");
  EXPECT_EQ(to_string(tensor({1e6, 0.5}, {f64})), R"([1.e+06 5.e-01]
f64[2] on cpu)");
  EXPECT_EQ(to_string(tensor({123456.789, -0.001, 0}, {f64})), R"([ 1.23456789e+05 -1.00000000e-03  0.00000000e+00]
f64[3] on cpu)");
  EXPECT_EQ(to_string(tensor({NAN, INFINITY, 1})), "[nan inf  1.]");
  EXPECT_EQ(to_string(tensor({NAN, -INFINITY})), "[ nan -inf]");
  EXPECT_EQ(to_string(tensor({-0.0, 0.0})), "[-0.  0.]");
  EXPECT_EQ(to_string(tensor({1.0 / 3, 2.0 / 3})), "[0.33333334 0.6666667 ]");
  EXPECT_EQ(to_string(tensor({1.0 / 3, 2.0 / 3}, {f64})), R"([0.33333333 0.66666667]
f64[2] on cpu)");
  EXPECT_EQ(to_string(tensor({1e100, -1e-100}, {f64})), R"([ 1.e+100 -1.e-100]
f64[2] on cpu)");
  EXPECT_EQ(to_string(tensor({65504, 6e-8, 0.1}, {f16})), R"([6.55e+04 5.96e-08 1.00e-01]
f16[3] on cpu)");
  EXPECT_EQ(to_string(tensor({0.1, 1}, {f16})), R"([0.1 1. ]
f16[2] on cpu)");
  EXPECT_EQ(to_string(full({}, 1.5)), "1.5");
  EXPECT_EQ(to_string(full({}, 0.1, {f64})), R"(0.1
f64[] on cpu)");
  EXPECT_EQ(to_string(full({}, 1e-7)), "1e-07");
  EXPECT_EQ(to_string(full({}, 1e22, {f64})), R"(1e+22
f64[] on cpu)");
  EXPECT_EQ(to_string(full({}, 3, {i64})), R"(3
i64[] on cpu)");
  EXPECT_EQ(to_string(tensor({1, -20, 300}, {i32})), R"([  1 -20 300]
i32[3] on cpu)");
  EXPECT_EQ(to_string(tensor({0, 255}, {u8})), R"([  0 255]
u8[2] on cpu)");
  EXPECT_EQ(to_string(tensor({{1, 0}, {0, 1}}, {boolean})), R"([[ true false]
 [false  true]]
bool[2, 2] on cpu)");
  EXPECT_EQ(to_string(full({}, true, {boolean})), R"(true
bool[] on cpu)");
  EXPECT_EQ(to_string(reshape(arange(24), {2, 3, 4})), R"([[[ 0  1  2  3]
  [ 4  5  6  7]
  [ 8  9 10 11]]

 [[12 13 14 15]
  [16 17 18 19]
  [20 21 22 23]]]
i64[2, 3, 4] on cpu)");
  EXPECT_EQ(to_string(reshape(arange(0, 8, 1, {f32}), {2, 2, 1, 2})), R"([[[[0. 1.]]

  [[2. 3.]]]


 [[[4. 5.]]

  [[6. 7.]]]])");
  EXPECT_EQ(to_string(arange(0, 30, 1, {f32})), R"([ 0.  1.  2.  3.  4.  5.  6.  7.  8.  9. 10. 11. 12. 13. 14. 15. 16. 17.
 18. 19. 20. 21. 22. 23. 24. 25. 26. 27. 28. 29.])");
  EXPECT_EQ(to_string(arange(1000, 2001)), R"([1000 1001 1002 ... 1998 1999 2000]
i64[1001] on cpu)");
  EXPECT_EQ(to_string(reshape(arange(0, 1200, 1, {f32}), {30, 40})), R"([[0.000e+00 1.000e+00 2.000e+00 ... 3.700e+01 3.800e+01 3.900e+01]
 [4.000e+01 4.100e+01 4.200e+01 ... 7.700e+01 7.800e+01 7.900e+01]
 [8.000e+01 8.100e+01 8.200e+01 ... 1.170e+02 1.180e+02 1.190e+02]
 ...
 [1.080e+03 1.081e+03 1.082e+03 ... 1.117e+03 1.118e+03 1.119e+03]
 [1.120e+03 1.121e+03 1.122e+03 ... 1.157e+03 1.158e+03 1.159e+03]
 [1.160e+03 1.161e+03 1.162e+03 ... 1.197e+03 1.198e+03 1.199e+03]]
f32[30, 40] on cpu)");
  EXPECT_EQ(to_string(reshape(arange(3000), {10, 3, 100})), R"([[[   0    1    2 ...   97   98   99]
  [ 100  101  102 ...  197  198  199]
  [ 200  201  202 ...  297  298  299]]

 [[ 300  301  302 ...  397  398  399]
  [ 400  401  402 ...  497  498  499]
  [ 500  501  502 ...  597  598  599]]

 [[ 600  601  602 ...  697  698  699]
  [ 700  701  702 ...  797  798  799]
  [ 800  801  802 ...  897  898  899]]

 ...

 [[2100 2101 2102 ... 2197 2198 2199]
  [2200 2201 2202 ... 2297 2298 2299]
  [2300 2301 2302 ... 2397 2398 2399]]

 [[2400 2401 2402 ... 2497 2498 2499]
  [2500 2501 2502 ... 2597 2598 2599]
  [2600 2601 2602 ... 2697 2698 2699]]

 [[2700 2701 2702 ... 2797 2798 2799]
  [2800 2801 2802 ... 2897 2898 2899]
  [2900 2901 2902 ... 2997 2998 2999]]]
i64[10, 3, 100] on cpu)");
  EXPECT_EQ(to_string(zeros({0})), R"([]
f32[0] on cpu)");
  EXPECT_EQ(to_string(zeros({2, 0, 3})), R"([]
f32[2, 0, 3] on cpu)");
  EXPECT_EQ(to_string(transpose(tensor({{1, 2}, {3, 4}}), 0, 1)), R"([[1. 3.]
 [2. 4.]])");
  EXPECT_EQ(to_string(slice(tensor({1, 2, 3, 4}), 0, 0, 4, 2)), "[1. 3.]");
}

TEST(Print, WhatNumPyHasNot) {
  EXPECT_EQ(to_string(tensor({0.1, 3, -2}, {bf16})), "[ 0.1  3.  -2. ]\nbf16[3] on cpu");
  EXPECT_EQ(to_string(tensor({128, 0.00390625}, {bf16})), "[1.28e+02 3.91e-03]\nbf16[2] on cpu");
  EXPECT_EQ(to_string(Tensor()), "undefined");
  EXPECT_EQ(to_string(tensor({1, 2}).set_requires_grad()), "[1. 2.]");
  std::ostringstream out;
  out << "x = " << tensor({1, 2}) << "\n";
  EXPECT_EQ(out.str(), "x = [1. 2.]\n");
}

TEST(Print, EveryValueOf16BitsIsReadBackAsItself) {
  for (int bits = 0; bits < 0x10000; ++bits) {
    float16 h; bfloat16 b;
    h.bits = b.bits = uint16_t(bits);
    if (std::isfinite(float(h))) { EXPECT_EQ(float16(std::stof(to_string(from(std::vector{h}, {})))).bits, bits); }
    if (std::isfinite(float(b)) && std::abs(float(b)) > 1e-37f) { EXPECT_EQ(bfloat16(std::stof(to_string(from(std::vector{b}, {})))).bits, bits); }
  }
}
