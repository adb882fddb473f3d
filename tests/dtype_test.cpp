#include <gtest/gtest.h>
#include <cmath>
#include <cstring>
#include <random>
#include "mica/mica.h"

using namespace mica;

namespace {
// The value of 16 bits with `fraction` bits behind the leading one and the exponent's bias, by the definition of the format.
double value_of(uint16_t bits, int fraction, int bias) {
  const int exponent_bits = 15 - fraction, exponent = bits >> fraction & ((1 << exponent_bits) - 1), rest = bits & ((1 << fraction) - 1);
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return rest ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(rest, 1 - bias - fraction);
  return sign * std::ldexp(rest + (1 << fraction), exponent - bias - fraction);
}
template <class T> struct Format;
template <> struct Format<float16> { static constexpr int fraction = 10, bias = 15; };
template <> struct Format<bfloat16> { static constexpr int fraction = 7, bias = 127; };
template <class T> T of_bits(unsigned bits) { T x; x.bits = uint16_t(bits); return x; }
template <class T> double exact(unsigned bits) { return value_of(uint16_t(bits), Format<T>::fraction, Format<T>::bias); }

// x rounded to nearest, ties to even, by arithmetic on doubles.
template <class T> double rounded(double x) {
  if (!std::isfinite(x) || x == 0) return x;
  const int least = 1 - Format<T>::bias - Format<T>::fraction, unit = std::max(std::ilogb(x) - Format<T>::fraction, least);
  const double y = std::ldexp(std::nearbyint(std::ldexp(x, -unit)), unit), largest = exact<T>((((1u << (15 - Format<T>::fraction)) - 1) << Format<T>::fraction) - 1);
  return std::abs(y) > largest ? std::copysign(INFINITY, x) : y;
}
bool same(double a, double b) { return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b); }

template <class T> class SixteenBits : public ::testing::Test {};
using Types = ::testing::Types<float16, bfloat16>;
TYPED_TEST_SUITE(SixteenBits, Types);
}  // namespace

TYPED_TEST(SixteenBits, EveryPatternIsReadAndWrittenBack) {
  using T = TypeParam;
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const float x = of_bits<T>(bits);
    ASSERT_TRUE(same(x, exact<T>(bits))) << bits;
    const unsigned back = T(x).bits;
    if (std::isnan(x)) { ASSERT_TRUE(std::isnan(float(of_bits<T>(back)))) << bits; ASSERT_EQ(back & 0x8000, bits & 0x8000); }
    else { ASSERT_EQ(back, bits); }
  }
}

TYPED_TEST(SixteenBits, TiesGoToTheEvenNeighbour) {
  using T = TypeParam;
  for (unsigned bits = 0; std::isfinite(exact<T>(bits + 1)); ++bits)
    for (const float sign : {1.f, -1.f}) {
      const float middle = float((exact<T>(bits) + exact<T>(bits + 1)) / 2);
      const unsigned s = sign < 0 ? 0x8000 : 0;
      ASSERT_EQ(T(sign * middle).bits, s | (bits & 1 ? bits + 1 : bits)) << bits;
      ASSERT_EQ(T(sign * std::nextafter(middle, 0.f)).bits, s | bits) << bits;
      ASSERT_EQ(T(sign * std::nextafter(middle, INFINITY)).bits, s | (bits + 1)) << bits;
    }
}

TYPED_TEST(SixteenBits, AnyFloatIsRoundedToNearest) {
  using T = TypeParam;
  std::mt19937 random(1);
  for (int i = 0; i < 1000000; ++i) {
    uint32_t bits = random();
    if (i % 2 && std::is_same_v<T, float16>) bits = (bits & 0x80ffffffu) | (100 + random() % 45) << 23;  // where float16 has values
    const float x = std::bit_cast<float>(bits);
    ASSERT_TRUE(same(float(T(x)), std::isnan(x) ? NAN : rounded<T>(x))) << x;
  }
  EXPECT_TRUE(std::isnan(float(T(NAN))));
  EXPECT_TRUE(std::isnan(float(T(std::bit_cast<float>(0x7f800001u)))));  // a NaN whose high bits alone would be infinity
  EXPECT_EQ(float(T(INFINITY)), INFINITY);
  EXPECT_EQ(float(T(3.4e38f)), INFINITY);
}

TYPED_TEST(SixteenBits, TensorsAreConvertedAsNumbersAre) {  // by SIMD; every length has a tail of its own
  using T = TypeParam;
  std::mt19937 random(2);
  std::vector<float> x;
  for (unsigned bits = 0; bits < 0x10000; ++bits) x.push_back(of_bits<T>(bits));
  for (unsigned bits = 0; std::isfinite(exact<T>(bits + 1)); ++bits) {
    const float middle = float((exact<T>(bits) + exact<T>(bits + 1)) / 2);
    for (const float near : {middle, std::nextafter(middle, 0.f), std::nextafter(middle, INFINITY)}) { x.push_back(near); x.push_back(-near); }
  }
  for (int i = 0; i < 100000; ++i) x.push_back(std::bit_cast<float>(uint32_t(random())));
  auto check = [](const std::vector<float>& x) {
    const Tensor half = cast(from(x), dtype_of<T>), wide = cast(half, f32);
    for (size_t i = 0; i < x.size(); ++i) {
      const T expected(x[i]);
      if (std::isnan(x[i])) { ASSERT_TRUE(std::isnan(float(half.data<T>()[i]))) << i; ASSERT_EQ(std::signbit(float(half.data<T>()[i])), std::signbit(x[i])); continue; }
      ASSERT_EQ(half.data<T>()[i].bits, expected.bits) << x[i];
      ASSERT_EQ(wide.data<float>()[i], float(expected)) << x[i];
    }
  };
  check(x);
  for (size_t n = 0; n < 40; ++n) check({x.begin() + 1000, x.begin() + 1000 + std::ptrdiff_t(n)});
}

TEST(DType, NamesAndSizes) {
  struct Row { DType t; const char* name; size_t bytes; bool is_float; };
  for (const Row& r : {Row{f64, "f64", 8, true}, {f32, "f32", 4, true}, {f16, "f16", 2, true}, {bf16, "bf16", 2, true}, {i64, "i64", 8, false},
                       {i32, "i32", 4, false}, {u8, "u8", 1, false}, {boolean, "bool", 1, false}}) {
    EXPECT_STREQ(name_of(r.t), r.name);
    EXPECT_EQ(bytes_of(r.t), r.bytes);
    EXPECT_EQ(is_float(r.t), r.is_float);
  }
}

// The tables: torch.result_type of PyTorch 2.15 for the operands that the test's name says.
namespace {
constexpr DType dtypes[] = {f64, f32, f16, bf16, i64, i32, u8, boolean};
constexpr DType among_equals[8][8] = {
  {f64, f64, f64, f64, f64, f64, f64, f64}, {f64, f32, f32, f32, f32, f32, f32, f32}, {f64, f32, f16, f32, f16, f16, f16, f16},
  {f64, f32, f32, bf16, bf16, bf16, bf16, bf16}, {f64, f32, f16, bf16, i64, i64, i64, i64}, {f64, f32, f16, bf16, i64, i32, i32, i32},
  {f64, f32, f16, bf16, i64, i32, u8, u8}, {f64, f32, f16, bf16, i64, i32, u8, boolean}};
constexpr DType with_0d[8][8] = {
  {f64, f64, f64, f64, f64, f64, f64, f64}, {f32, f32, f32, f32, f32, f32, f32, f32}, {f16, f16, f16, f16, f16, f16, f16, f16},
  {bf16, bf16, bf16, bf16, bf16, bf16, bf16, bf16}, {f64, f32, f16, bf16, i64, i64, i64, i64}, {f64, f32, f16, bf16, i32, i32, i32, i32},
  {f64, f32, f16, bf16, u8, u8, u8, u8}, {f64, f32, f16, bf16, i64, i32, u8, boolean}};
constexpr DType with_number[8][3] = {{f64, f64, f64}, {f32, f32, f32}, {f16, f16, f16}, {bf16, bf16, bf16}, {f32, i64, i64}, {f32, i32, i32}, {f32, u8, u8}, {f32, i64, boolean}};
}  // namespace

TEST(DType, PromotionAmongTensors) {
  for (int i = 0; i < 8; ++i)
    for (int j = 0; j < 8; ++j) {
      EXPECT_EQ(promote(dtypes[i], dtypes[j]), among_equals[i][j]) << name_of(dtypes[i]) << " " << name_of(dtypes[j]);
      EXPECT_EQ((zeros({2}, {dtypes[i]}) + zeros({3, 2}, {dtypes[j]})).dtype(), among_equals[i][j]) << name_of(dtypes[i]) << " " << name_of(dtypes[j]);
      EXPECT_EQ((zeros({}, {dtypes[i]}) * zeros({}, {dtypes[j]})).dtype(), among_equals[i][j]);
      EXPECT_EQ(where(zeros({2}, {boolean}), zeros({2}, {dtypes[i]}), zeros({2}, {dtypes[j]})).dtype(), among_equals[i][j]);
      EXPECT_EQ((zeros({2}, {dtypes[i]}) < zeros({2}, {dtypes[j]})).dtype(), boolean);
      EXPECT_EQ((zeros({2}, {dtypes[i]}) / zeros({2}, {dtypes[j]})).dtype(), is_float(among_equals[i][j]) ? among_equals[i][j] : f32);
    }
}

TEST(DType, ATensorWithoutDimensionsRaisesNothingWithinItsCategory) {
  for (int i = 0; i < 8; ++i)
    for (int j = 0; j < 8; ++j) {
      EXPECT_EQ((zeros({2}, {dtypes[i]}) + zeros({}, {dtypes[j]})).dtype(), with_0d[i][j]) << name_of(dtypes[i]) << " " << name_of(dtypes[j]);
      EXPECT_EQ((zeros({}, {dtypes[j]}) + zeros({2}, {dtypes[i]})).dtype(), with_0d[i][j]);
    }
}

TEST(DType, NorDoesANumber) {
  for (int i = 0; i < 8; ++i)
    for (const Shape& shape : {Shape{2}, Shape{}}) {
      const Tensor x = zeros(shape, {dtypes[i]});
      EXPECT_EQ((x + 1.5).dtype(), with_number[i][0]) << name_of(dtypes[i]);
      EXPECT_EQ((1.5f * x).dtype(), with_number[i][0]);
      EXPECT_EQ((x + 1).dtype(), with_number[i][1]);
      EXPECT_EQ((x + true).dtype(), with_number[i][2]);
    }
}
