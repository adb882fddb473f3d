#include <gtest/gtest.h>
#include <cfloat>
#include <cmath>
#include <random>
#include "mica/cpu/isa.h"
#include "mica/cpu/pointwise_table.h"
#include "mica/mica.h"
#include "op_case.h"
// One row for each op of core/ops/pointwise.h. The expected values come from the op's definition in long double (64 bits of fraction), written
// here; float64 must be within 8 ulp of them, float32 within 4 on every instruction set of this machine, 16-bit types within 1 for each of their
// 65,536 values, and NaN, infinities and zeros must come out as the definition has them.

using namespace mica;
using namespace mica::testing;
using Real = long double;

namespace {
struct Kernels { const char* name; const PointwiseTable* table; };
std::vector<Kernels> instruction_sets() {
  std::vector<Kernels> sets{{"v2", &v2::pointwise}};
  if (isa() >= Isa::v3) sets.push_back({"v3", &v3::pointwise});
  if (isa() >= Isa::v4) sets.push_back({"v4", &v4::pointwise});
  return sets;
}

struct Format { int digits, least; double largest; };  // of the fraction, of the exponent
template <class T> constexpr Format format_of{};
template <> constexpr Format format_of<double>{53, -1022, DBL_MAX};
template <> constexpr Format format_of<float>{24, -126, FLT_MAX};
template <> constexpr Format format_of<float16>{11, -14, 65504};
template <> constexpr Format format_of<bfloat16>{8, -126, 0x1.fep127};

// How far y is from the exact value, in units in the last place of T there. Results below `flushed` may be zero
// in float and less.
template <class T> double ulps(double y, Real exact, double flushed = FLT_MIN) {
  constexpr Format f = format_of<T>;
  if (std::isnan(exact)) return std::isnan(y) ? 0 : HUGE_VAL;
  if (std::isnan(y)) return HUGE_VAL;
  const int exponent = exact == 0 || std::isinf(exact) ? f.least : std::max(std::ilogb(exact), f.least);
  const Real ulp = std::ldexp(Real(1), exponent - f.digits + 1);
  const Real overflow = Real(f.largest) + std::ldexp(Real(1), std::ilogb(f.largest) - f.digits);  // rounds to infinity from here
  if (std::abs(exact) >= overflow) return std::isinf(y) && (y > 0) == (exact > 0) ? 0 : double((overflow - std::abs(Real(y))) / std::ldexp(Real(1), std::ilogb(f.largest) - f.digits + 1));
  if (std::isinf(y)) return double((overflow - std::abs(exact)) / std::ldexp(Real(1), std::ilogb(f.largest) - f.digits + 1));
  const Real error = std::abs(Real(y) - exact);
  if (sizeof(T) <= 4 && std::abs(exact) < flushed && error <= flushed) return 0;
  return double(error / ulp);
}
bool same_special(double y, Real exact) {  // NaN, infinities, and zeros with their sign
  if (std::isfinite(exact) && exact != 0) return ulps<float>(y, exact) <= 4;
  return std::isnan(exact) ? std::isnan(y) : y == double(exact) && std::signbit(y) == std::signbit(exact);
}
constexpr double specials[] = {NAN, HUGE_VAL, -HUGE_VAL, 0.0, -0.0};

struct Row {
  double low = -20, high = 20;     // the dense range
  double most_ulps = 4;            // in float32; more only with a reason
  bool differentiable = true;
  std::vector<double> kinks = {};  // for the gradients: inputs keep away from them
  double growth = 0;               // allows growth x^2 ulp more below 0, where the op is exp of about -x^2: its argument's rounding counts x^2 times
  double flushed = FLT_MIN;        // where exp(-x) overflows, x exp(x) is still above the smallest normal float
  double gradient_range = 4;       // the gradients of tanh and sigmoid are 1 - y^2 and y (1 - y): further out the rounding of y is all there is
  double allowed(double x, double ulps) const { return ulps + (x < 0 ? growth * x * x : 0); }
};
using Reference = Real (*)(Real);

std::vector<float> dense(const Row& row) {
  std::vector<float> x;
  constexpr int n = 100000;
  for (int i = 0; i <= n; ++i) x.push_back(float(row.low + (row.high - row.low) * i / n));
  std::mt19937 random(1);
  while (x.size() < 2 * n)  // any exponent
    if (const float v = std::bit_cast<float>(uint32_t(random())); v >= row.low && v <= row.high) x.push_back(v);
  return x;
}

template <class F> void check_unary(const F& f, Reference exact, const Row& row) {
  SCOPED_TRACE(F::name);
  const NoGrad no_grad;
  const std::vector<float> x = dense(row);
  const std::vector<double> y64 = unary(f, cast(from(x), f64)).template to_vector<double>();
  double worst = 0;
  float at = 0;
  for (size_t i = 0; i < x.size(); ++i)
    if (const double error = ulps<double>(y64[i], exact(x[i])) / row.allowed(x[i], 8); !(error <= worst)) { worst = error; at = x[i]; }
  EXPECT_LE(worst, 1) << "f64 at " << at << ": " << unary(f, full({}, at, {f64})).item() << ", exactly " << exact(at);

  for (const auto& [set, table] : instruction_sets()) {
    std::vector<float> y(x.size());
    const float* in[] = {x.data()};
    const Value<F> value{f};
    table->row[formula_index<Value<F>>](&value, int64_t(x.size()), in, y.data());
    worst = 0;
    for (size_t i = 0; i < x.size(); ++i)
      if (const double error = ulps<float>(y[i], exact(x[i]), row.flushed) / row.allowed(x[i], row.most_ulps); error > 0 && !(error <= worst)) { worst = error; at = x[i]; }
    float y_at = 0;
    in[0] = &at;
    table->row[formula_index<Value<F>>](&value, 1, in, &y_at);
    EXPECT_LE(worst, 1) << "f32 on " << set << " at " << at << ": " << y_at << ", exactly " << exact(at);
    for (const double s : specials) {
      const float special = float(s);
      in[0] = &special;
      table->row[formula_index<Value<F>>](&value, 1, in, &y_at);
      EXPECT_TRUE(same_special(y_at, exact(s))) << "f32 on " << set << " of " << s << " is " << y_at << ", exactly " << exact(s);
    }
  }
  for (const double s : specials) EXPECT_TRUE(same_special(unary(f, full({}, s, {f64})).item(), exact(s))) << "f64 of " << s << " is " << unary(f, full({}, s, {f64})).item();
}

template <class T, class F> void check_16_bits(const F& f, Reference exact, const Row& row) {
  SCOPED_TRACE(std::string(F::name) + " " + name_of(dtype_of<T>));
  const NoGrad no_grad;
  std::vector<T> x(0x10000);
  for (unsigned i = 0; i < x.size(); ++i) x[i].bits = uint16_t(i);
  const std::vector<double> y = unary(f, from(x)).template to_vector<double>();
  double worst = 0;
  float at = 0;
  for (size_t i = 0; i < x.size(); ++i)
    if (const double error = ulps<T>(y[i], exact(float(x[i])), row.flushed); !(error <= worst)) { worst = error; at = float(x[i]); }
  EXPECT_LE(worst, 1) << "at " << at << ": " << unary(f, from(std::vector{T(at)})).item() << ", exactly " << exact(at);
}

template <class F> void check_float(const F& f, Reference exact, const Row& row = {}) {
  check_unary(f, exact, row);
  check_16_bits<float16>(f, exact, row);
  check_16_bits<bfloat16>(f, exact, row);
  if (!row.differentiable) return;
  const double low = std::max(row.low, -row.gradient_range), high = std::min(row.high, row.gradient_range);
  std::vector<OpCase> cases;
  for (const Shape& shape : any_shapes()) {
    std::vector<double> v = normal(shape, 3).to_vector<double>();
    for (double& x : v) {
      x = low + (high - low) * 0.5 * std::erfc(x);
      for (const double kink : row.kinks) if (std::abs(x - kink) < 0.02) x = kink + (x < kink ? -0.05 : 0.05);
    }
    cases.push_back({std::string(F::name) + to_string(shape), {from(v, shape)}, [f](const Inputs& x) { return unary(f, x[0]); }});
    cases.back().floats_only = true;      // values are checked above, one by one, to the unit in the last place, and in 16 bits
    cases.back().scale_by_largest = true;
    cases.back().least_scale = 1;         // gradients are differences of terms of about 1: y (1 - y) where few elements, and none that is large, are there
  }
  check_all(cases);
}

Real sigmoid_(Real x) { return 1 / (1 + std::exp(-x)); }
Real relu_(Real x) { return x < 0 ? 0 : x; }
Real clip(Real x, Real low, Real high) { return x < low ? low : x > high ? high : x; }
}  // namespace

TEST(Pointwise, Arithmetic) {
  const Row any{-FLT_MAX, FLT_MAX};
  check_float(op::Negative{}, [](Real x) { return -x; }, any);
  check_float(op::Abs{}, [](Real x) { return std::abs(x); }, {-FLT_MAX, FLT_MAX, 0, true, {0}});
  check_float(op::Sign{}, [](Real x) { return x > 0 ? 1 : x < 0 ? -1 : x; }, {-FLT_MAX, FLT_MAX, 0, true, {0}});
  check_float(op::Square{}, [](Real x) { return x * x; }, any);
  check_float(op::Reciprocal{}, [](Real x) { return 1 / x; }, {-FLT_MAX, FLT_MAX, 1, false});
  check_float(op::Sqrt{}, [](Real x) { return std::sqrt(x); }, {FLT_MIN, FLT_MAX, 1, false});
  check_float(op::Rsqrt{}, [](Real x) { return 1 / std::sqrt(x); }, {FLT_MIN, FLT_MAX, 2, false});
  check_float(op::Floor{}, [](Real x) { return std::floor(x); }, {-1e9, 1e9, 0, false});
  check_float(op::Ceil{}, [](Real x) { return std::ceil(x); }, {-1e9, 1e9, 0, false});
  check_float(op::Round{}, [](Real x) { return std::nearbyint(x); }, {-1e9, 1e9, 0, false});
  check_float(op::Clamp{-1.5, 2}, [](Real x) { return clip(x, -1.5L, 2); }, {-5, 5, 0, true, {-1.5, 2}});
  check_float(op::Reciprocal{}, [](Real x) { return 1 / x; }, {0.5, 4});  // gradients, away from 0
  check_float(op::Sqrt{}, [](Real x) { return std::sqrt(x); }, {0.5, 4});
  check_float(op::Rsqrt{}, [](Real x) { return 1 / std::sqrt(x); }, {0.5, 4});
}

TEST(Pointwise, Exponentials) {
  check_float(op::Exp{}, [](Real x) { return std::exp(x); }, {-104, 89});
  check_float(op::Expm1{}, [](Real x) { return std::expm1(x); }, {-104, 89});
  check_float(op::Log{}, [](Real x) { return std::log(x); }, {FLT_MIN, FLT_MAX, 4, false});
  check_float(op::Log{}, [](Real x) { return std::log(x); }, {0.5, 4});
  check_float(op::Log1p{}, [](Real x) { return std::log1p(x); }, {-0.999999, FLT_MAX, 4, false});
  check_float(op::Log1p{}, [](Real x) { return std::log1p(x); }, {-0.5, 4});
  check_float(op::Sin{}, [](Real x) { return std::sin(x); }, {-100, 100});
  check_float(op::Cos{}, [](Real x) { return std::cos(x); }, {-100, 100});
  check_float(op::Tanh{}, [](Real x) { return std::tanh(x); }, {.low = -FLT_MAX, .high = FLT_MAX, .gradient_range = 1.5});
}

TEST(Pointwise, Activations) {
  check_float(op::Step{}, [](Real x) { return x > 0 ? Real(1) : Real(0); }, {-9, 9, 0, true, {0}});
  check_float(op::Sigmoid{}, sigmoid_, {-104, 104});
  check_float(op::Relu{}, relu_, {-9, 9, 0, true, {0}});
  check_float(op::Relu6{}, [](Real x) { return clip(x, 0, 6); }, {-9, 9, 0, true, {0}});
  check_float(op::LeakyRelu{0.25}, [](Real x) { return x < 0 ? 0.25L * x : x; }, {-9, 9, 1, true, {0}});
  check_float(op::Elu{1.5}, [](Real x) { return x < 0 ? 1.5L * std::expm1(x) : x; }, {-104, 9, 4, true, {0}});
  check_float(op::Silu{}, [](Real x) { return x * sigmoid_(x); }, {.low = -100, .high = 100, .flushed = 4e-37});
  check_float(op::Softplus{}, [](Real x) { return relu_(x) + std::log1p(std::exp(-std::abs(x))); }, {-80, 100});
  check_float(op::Softplus{2}, [](Real x) { return (relu_(2 * x) + std::log1p(std::exp(-std::abs(2 * x)))) / 2; }, {-40, 100});
  check_float(op::Softsign{}, [](Real x) { return std::isinf(x) ? NAN : x / (1 + std::abs(x)); }, {-1e30, 1e30});
  check_float(op::HardSigmoid{}, [](Real x) { return clip(x / 6 + 0.5L, 0, 1); }, {-9, 9, 4, true, {-3, 3}});
  check_float(op::HardSwish{}, [](Real x) { return x * clip((x + 3) / 6, 0, 1); }, {-9, 9, 4, true, {-3, 3}});
}

TEST(Pointwise, Gelu) {
  check_float(op::Gelu{}, [](Real x) { return x * 0.5L * std::erfc(-x * std::sqrt(0.5L)); }, {.low = -13, .high = 30, .most_ulps = 5 /* the SIMD library's erfc is off by 3, and the product adds to it */, .growth = 2});
  check_float(op::GeluTanh{}, [](Real x) { return x * sigmoid_(2 * std::sqrt(2 / 3.14159265358979323846L) * (x + 0.044715L * x * x * x)); }, {.low = -10, .high = 30, .growth = 2.5 /* five roundings of an argument of about 0.07 x^3 */, .flushed = 1e-37});
}

namespace {
using Reference2 = Real (*)(Real, Real);
// Every pair of special and ordinary values, in float64 and on every instruction set.
template <class F> void check_binary(const F& f, Reference2 exact, double most_ulps = 0, bool zero_signs = true) {
  SCOPED_TRACE(F::name);
  const NoGrad no_grad;
  std::vector<float> values{NAN, INFINITY, -INFINITY, 0.f, -0.f, 1, -1, 2, -2, 0.5f, -0.5f, 3, -3, 1e-30f, -1e30f, FLT_MAX, 0.1f, 7.25f};
  std::mt19937 random(2);
  while (values.size() < 300) values.push_back(std::ldexp(float(random() % 2000000) / 1e6f - 1, int(random() % 9) - 4));
  std::vector<float> a, b;
  for (const float x : values) for (const float y : values) { a.push_back(x); b.push_back(y); }
  const auto fits = [&](double y, float x1, float x2, bool in_double) {
    const Real e = exact(x1, x2);
    if (std::isnan(e) || std::isinf(e) || e == 0) return std::isnan(e) ? std::isnan(y) : y == double(e) && (!zero_signs || e != 0 || std::signbit(y) == std::signbit(e));
    return in_double ? ulps<double>(y, e) <= std::max(1.0, most_ulps) : ulps<float>(y, e) <= std::max(0.5, most_ulps);
  };
  const std::vector<double> y64 = binary(f, cast(from(a), f64), cast(from(b), f64)).template to_vector<double>();
  for (size_t i = 0; i < a.size(); ++i) ASSERT_TRUE(fits(y64[i], a[i], b[i], true)) << a[i] << ", " << b[i] << ": " << y64[i] << ", exactly " << exact(a[i], b[i]);
  for (const auto& [set, table] : instruction_sets()) {
    std::vector<float> y(a.size());
    const float* in[] = {a.data(), b.data()};
    const Value<F> value{f};
    table->row[formula_index<Value<F>>](&value, int64_t(a.size()), in, y.data());
    for (size_t i = 0; i < a.size(); ++i) ASSERT_TRUE(fits(y[i], a[i], b[i], false)) << set << ": " << a[i] << ", " << b[i] << ": " << y[i] << ", exactly " << exact(a[i], b[i]);
  }
}
bool truth(Real x) { return x != 0; }
}  // namespace

TEST(Pointwise, TwoOperands) {
  check_binary(op::Add{}, [](Real a, Real b) { return a + b; });
  check_binary(op::Subtract{}, [](Real a, Real b) { return a - b; });
  check_binary(op::Multiply{}, [](Real a, Real b) { return a * b; });
  check_binary(op::Divide{}, [](Real a, Real b) { return a / b; }, 1);
  check_binary(op::Pow{}, [](Real a, Real b) { return std::pow(a, b); }, 1);
  check_binary(op::Maximum{}, [](Real a, Real b) { return a != a || b != b ? Real(NAN) : a >= b ? a : b; }, 0, false);
  check_binary(op::Minimum{}, [](Real a, Real b) { return a != a || b != b ? Real(NAN) : a <= b ? a : b; }, 0, false);
  check_binary(op::Equal{}, [](Real a, Real b) -> Real { return a == b; });
  check_binary(op::NotEqual{}, [](Real a, Real b) -> Real { return a != b; });
  check_binary(op::Less{}, [](Real a, Real b) -> Real { return a < b; });
  check_binary(op::LessEqual{}, [](Real a, Real b) -> Real { return a <= b; });
  check_binary(op::Greater{}, [](Real a, Real b) -> Real { return a > b; });
  check_binary(op::GreaterEqual{}, [](Real a, Real b) -> Real { return a >= b; });
  check_binary(op::LogicalAnd{}, [](Real a, Real b) -> Real { return truth(a) && truth(b); });
  check_binary(op::LogicalOr{}, [](Real a, Real b) -> Real { return truth(a) || truth(b); });
  check_binary(op::LogicalXor{}, [](Real a, Real b) -> Real { return truth(a) != truth(b); });
}

TEST(Pointwise, TruthOfOneOperand) {
  const Tensor x = tensor({0, -0.0, 1, NAN, -INFINITY});
  for (const DType t : {f64, f32, f16, bf16}) {
    EXPECT_EQ(logical_not(cast(x, t)).to_vector<double>(), (std::vector<double>{1, 1, 0, 0, 0}));
    EXPECT_EQ(isnan(cast(x, t)).to_vector<double>(), (std::vector<double>{0, 0, 0, 1, 0}));
    EXPECT_EQ(isnan(cast(x, t)).dtype(), boolean);
  }
  EXPECT_EQ(isnan(arange(2)).to_vector<double>(), (std::vector<double>{0, 0}));
}

TEST(Pointwise, GradientsOfTwoOperands) {
  std::vector<OpCase> cases;
  std::vector<Shape> shapes = any_shapes();
  shapes.push_back({600});
  for (const Shape& shape : shapes) {
    const Tensor a = positive(shape, 1), b = distinct(shape, 2), c = positive(shape, 3) + 0.1;
    const auto add = [&](const char* name, const Tensor& x, const Tensor& y, Tensor (*f)(const Tensor&, const Tensor&)) {
      cases.push_back({name + to_string(shape), {x, y}, [f](const Inputs& v) { return f(v[0], v[1]); }});
      cases.back().floats_only = true;
      cases.back().scale_by_largest = true;
    };
    add("divide", b, c, divide);
    add("pow", c, a, pow);
    add("maximum", b, distinct(shape, 5) + 0.003, maximum);
    add("minimum", b, distinct(shape, 5) + 0.003, minimum);
  }
  check_all(cases);
}

TEST(Pointwise, EqualValuesShareTheGradient) {
  const Tensor a = tensor({1, 2, 3}, {f64}).set_requires_grad(), b = tensor({1, 5, 0}, {f64}).set_requires_grad(), dy = tensor({4, 4, 4}, {f64});
  maximum(a, b).backward(dy);
  EXPECT_EQ(a.grad().to_vector<double>(), (std::vector<double>{2, 0, 4}));
  EXPECT_EQ(b.grad().to_vector<double>(), (std::vector<double>{2, 4, 0}));
  a.zero_grad(), b.zero_grad();
  minimum(a, b).backward(dy);
  EXPECT_EQ(a.grad().to_vector<double>(), (std::vector<double>{2, 4, 0}));
  EXPECT_EQ(b.grad().to_vector<double>(), (std::vector<double>{2, 0, 4}));
}

TEST(Pointwise, GradientsAtZero) {
  const auto gradient = [](Tensor (*f)(const Tensor&)) {
    const Tensor x = zeros({}, {f64}).set_requires_grad();
    f(x).backward();
    return x.grad().item();
  };
  EXPECT_EQ(gradient([](const Tensor& x) { return relu(x); }), 0);
  EXPECT_EQ(gradient([](const Tensor& x) { return abs(x); }), 0);
  EXPECT_EQ(gradient([](const Tensor& x) { return pow(x, 2); }), 0);
  EXPECT_EQ(gradient([](const Tensor& x) { return pow(x, 1); }), 1);
  EXPECT_EQ(gradient([](const Tensor& x) { return pow(x, 0); }), 0);
  EXPECT_EQ(gradient([](const Tensor& x) { return pow(x, 3); }), 0);
  const Tensor b = full({}, 2, {f64}).set_requires_grad();
  pow(zeros({}, {f64}), b).backward();
  EXPECT_EQ(b.grad().item(), 0);
}

TEST(Pointwise, PowOfNumbers) {
  const Tensor x = tensor({1, 2, 4}, {f64});
  for (const double e : {2.0, 1.0, 0.5, -0.5, -1.0, 0.0, 3.0, 2.5}) {
    const std::vector<double> y = pow(x, e).to_vector<double>();
    for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(y[i], std::pow(x[int64_t(i)].item(), e), 1e-14) << e;
  }
  EXPECT_EQ(pow(2, tensor({0, 3}, {f64})).to_vector<double>(), (std::vector<double>{1, 8}));
  EXPECT_EQ(pow(tensor({3, -2}, {i64}), 2).to_vector<double>(), (std::vector<double>{9, 4}));
}

// Dense operands that do not begin at a multiple of 16 bytes, and sizes around those that threads and blocks take.
TEST(Pointwise, PartsOfATensorOnCuda) {
  if (!cuda_available()) GTEST_SKIP() << "no GPU, and no emulated device, in this build";
  for (const DType t : {f32, bf16, f64})
    for (const int64_t n : {int64_t(1), int64_t(7), int64_t(64), int64_t(1023), int64_t(2049)})
      for (const int64_t first : {int64_t(0), int64_t(1), int64_t(3)}) {
        const Tensor x = cast(normal({n + 3}, 1), t), y = cast(normal({n + 3}, 2), t);
        const Tensor expected = slice(x, 0, first, first + n) * slice(y, 0, 3 - first, 3 - first + n);
        const Tensor got = slice(to(x, cuda()), 0, first, first + n) * slice(to(y, cuda()), 0, 3 - first, 3 - first + n);
        EXPECT_EQ(got.to_vector<double>(), expected.to_vector<double>()) << name_of(t) << " " << n << " from " << first;
      }
}

TEST(Pointwise, Integers) {
  const std::vector<int64_t> a{0, 1, -1, 7, -7, 100, 255, 1000}, b{3, 1, -1, -2, 5, 100, 2, -1000};
  for (const DType t : {i64, i32, u8}) {
    const auto wrap = [&](int64_t v) { return t == i64 ? v : t == i32 ? int64_t(int32_t(v)) : int64_t(uint8_t(v)); };
    const Tensor x = cast(from(a), t), y = cast(from(b), t);
    const auto check = [&](const char* name, const Tensor& got, auto f) {
      const auto v = got.to_vector<int64_t>();
      for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(v[i], f(wrap(a[i]), wrap(b[i]))) << name << " " << name_of(t) << " " << a[i] << " " << b[i];
      EXPECT_EQ(got.dtype(), got.dtype() == boolean ? boolean : t) << name;
    };
    check("negative", -x, [&](int64_t p, int64_t) { return wrap(-p); });
    check("abs", abs(x), [&](int64_t p, int64_t) { return wrap(std::abs(p)); });
    check("sign", sign(x), [&](int64_t p, int64_t) { return wrap(p > 0 ? 1 : p < 0 ? -1 : 0); });
    check("square", square(x), [&](int64_t p, int64_t) { return wrap(p * p); });
    check("relu", relu(x), [&](int64_t p, int64_t) { return p < 0 ? 0 : p; });
    check("add", x + y, [&](int64_t p, int64_t q) { return wrap(p + q); });
    check("subtract", x - y, [&](int64_t p, int64_t q) { return wrap(p - q); });
    check("multiply", x * y, [&](int64_t p, int64_t q) { return wrap(p * q); });
    check("maximum", maximum(x, y), [&](int64_t p, int64_t q) { return std::max(p, q); });
    check("minimum", minimum(x, y), [&](int64_t p, int64_t q) { return std::min(p, q); });
    check("equal", x == y, [&](int64_t p, int64_t q) -> int64_t { return p == q; });
    check("less", x < y, [&](int64_t p, int64_t q) -> int64_t { return p < q; });
    check("logical_xor", logical_xor(x, y), [&](int64_t p, int64_t q) -> int64_t { return (p != 0) != (q != 0); });
    check("where", where(x > y, x, y), [&](int64_t p, int64_t q) { return p > q ? p : q; });
    EXPECT_EQ((x / y).dtype(), f32);
    EXPECT_EQ(exp(x).dtype(), f32);
  }
  const int64_t large = (int64_t(1) << 60) + 1;
  EXPECT_EQ((from(std::vector{large}, {}) + 1).item_i64(), large + 1);  // not through double
}
