#pragma once
#include "mica/core/contract.h"
#include "mica/core/math.h"
// Every pointwise op is one struct here, one entry in the lists below, one function, and one row in tests/pointwise_test.cpp.
//   unary:  y(x) and dx_from_x(x, dy) or dx_from_y(y, dy): the name says what is saved
//   binary: y(a, b) and da(a, b, dy), db(a, b, dy), or da(dy) where nothing is saved
// Without a gradient function the op has none (comparisons). `integers`: integers stay integers (otherwise they become f32);
// `boolean_result`: y is 0 or 1 and stored as bool. No branches: math::select. No !=: of NaN it is false in xsimd's AVX.
namespace mica {
namespace op {
struct Negative { static constexpr auto name = "negative"; static constexpr bool integers = true;  // not -x: xsimd's AVX-512 makes -0 of 0 into 0
  template <class T> MICA_FORMULA T y(T x) const { return x * T(-1); }
  template <class T> MICA_FORMULA T dx_from_y(T, T dy) const { return -dy; } };
struct Abs { static constexpr auto name = "abs"; static constexpr bool integers = true;
  template <class T> MICA_FORMULA T y(T x) const { return math::abs(x); }
  template <class T> MICA_FORMULA T dx_from_x(T x, T dy) const { return math::select(x > T(0), dy, math::select(x < T(0), -dy, T(0))); } };
struct Sign { static constexpr auto name = "sign"; static constexpr bool integers = true;  // NaN stays NaN
  template <class T> MICA_FORMULA T y(T x) const { return math::select(x > T(0), T(1), math::select(x < T(0), T(-1), x)); }
  template <class T> MICA_FORMULA T dx_from_y(T, T dy) const { return dy * T(0); } };
struct Square { static constexpr auto name = "square"; static constexpr bool integers = true;
  template <class T> MICA_FORMULA T y(T x) const { return x * x; }
  template <class T> MICA_FORMULA T dx_from_x(T x, T dy) const { return T(2) * x * dy; } };
struct Reciprocal { static constexpr auto name = "reciprocal";
  template <class T> MICA_FORMULA T y(T x) const { return T(1) / x; }
  template <class T> MICA_FORMULA T dx_from_y(T y, T dy) const { return -dy * y * y; } };
struct Exp { static constexpr auto name = "exp";
  template <class T> MICA_FORMULA T y(T x) const { return math::exp_to_the_end(x); }
  template <class T> MICA_FORMULA T dx_from_y(T y, T dy) const { return dy * y; } };
struct Expm1 { static constexpr auto name = "expm1";  // exp(x) - 1
  template <class T> MICA_FORMULA T y(T x) const { return math::select(math::abs(x) < T(1), math::select(x == T(0), x, math::expm1(x)), math::exp_to_the_end(x) - T(1)); }
  template <class T> MICA_FORMULA T dx_from_y(T y, T dy) const { return dy * (y + T(1)); } };
struct Log { static constexpr auto name = "log";
  template <class T> MICA_FORMULA T y(T x) const { return math::log(x); }
  template <class T> MICA_FORMULA T dx_from_x(T x, T dy) const { return dy / x; } };
struct Log1p { static constexpr auto name = "log1p";  // log(1 + x)
  template <class T> MICA_FORMULA T y(T x) const { return math::select(x == T(0), x, math::log1p(x)); }
  template <class T> MICA_FORMULA T dx_from_x(T x, T dy) const { return dy / (T(1) + x); } };
struct Sqrt { static constexpr auto name = "sqrt";
  template <class T> MICA_FORMULA T y(T x) const { return math::sqrt(x); }
  template <class T> MICA_FORMULA T dx_from_y(T y, T dy) const { return dy / (T(2) * y); } };
struct Rsqrt { static constexpr auto name = "rsqrt";  // 1 / sqrt(x)
  template <class T> MICA_FORMULA T y(T x) const { return T(1) / math::sqrt(x); }
  template <class T> MICA_FORMULA T dx_from_y(T y, T dy) const { return T(-0.5) * dy * y * y * y; } };
struct Sin { static constexpr auto name = "sin";
  template <class T> MICA_FORMULA T y(T x) const { return math::sin(x); }
  template <class T> MICA_FORMULA T dx_from_x(T x, T dy) const { return dy * math::cos(x); } };
struct Cos { static constexpr auto name = "cos";
  template <class T> MICA_FORMULA T y(T x) const { return math::cos(x); }
  template <class T> MICA_FORMULA T dx_from_x(T x, T dy) const { return -dy * math::sin(x); } };
struct Floor { static constexpr auto name = "floor";
  template <class T> MICA_FORMULA T y(T x) const { return math::floor(x); }
  template <class T> MICA_FORMULA T dx_from_y(T, T dy) const { return dy * T(0); } };
struct Ceil { static constexpr auto name = "ceil";
  template <class T> MICA_FORMULA T y(T x) const { return math::ceil(x); }
  template <class T> MICA_FORMULA T dx_from_y(T, T dy) const { return dy * T(0); } };
struct Round { static constexpr auto name = "round";  // halves to even
  template <class T> MICA_FORMULA T y(T x) const { return math::round(x); }
  template <class T> MICA_FORMULA T dx_from_y(T, T dy) const { return dy * T(0); } };
struct Clamp { static constexpr auto name = "clamp"; double min = -HUGE_VAL, max = HUGE_VAL;  // NaN stays NaN; max wins over a min above it; the gradient at min and max is 0
  template <class T> MICA_FORMULA T y(T x) const {
    const T low = math::select(x < T(min), T(min), x);
    return math::select(low > T(max), T(max), low);
  }
  template <class T> MICA_FORMULA T dx_from_x(T x, T dy) const { return math::select(x <= T(min), T(0), math::select(x >= T(max), T(0), dy)); } };

struct Step { static constexpr auto name = "step";  // 1 where x > 0: the perceptron's. Its gradient is 0
  template <class T> MICA_FORMULA T y(T x) const { return math::select(x > T(0), T(1), T(0)); }
  template <class T> MICA_FORMULA T dx_from_y(T, T dy) const { return dy * T(0); } };
struct Sigmoid { static constexpr auto name = "sigmoid";
  template <class T> MICA_FORMULA T y(T x) const { return T(1) / (T(1) + math::exp(-x)); }
  template <class T> MICA_FORMULA T dx_from_y(T y, T dy) const { return dy * y * (T(1) - y); } };
struct Tanh { static constexpr auto name = "tanh";
  template <class T> MICA_FORMULA T y(T x) const { return math::tanh(x); }
  template <class T> MICA_FORMULA T dx_from_y(T y, T dy) const { return dy * (T(1) - y * y); } };
struct Relu { static constexpr auto name = "relu"; static constexpr bool integers = true;  // select(x < 0, ...) lets NaN through
  template <class T> MICA_FORMULA T y(T x) const { return math::select(x < T(0), T(0), x); }
  template <class T> MICA_FORMULA T dx_from_y(T y, T dy) const { return math::select(y > T(0), dy, T(0)); } };
struct Relu6 { static constexpr auto name = "relu6";  // min(max(x, 0), 6)
  template <class T> MICA_FORMULA T y(T x) const { return math::select(x < T(0), T(0), math::select(x > T(6), T(6), x)); }
  template <class T> MICA_FORMULA T dx_from_y(T y, T dy) const { return math::select(y > T(0), math::select(y < T(6), dy, T(0)), T(0)); } };
struct LeakyRelu { static constexpr auto name = "leaky_relu"; double slope = 0.01;
  template <class T> MICA_FORMULA T y(T x) const { return math::select(x < T(0), T(slope) * x, x); }
  template <class T> MICA_FORMULA T dx_from_x(T x, T dy) const { return math::select(x > T(0), dy, T(slope) * dy); } };
struct Elu { static constexpr auto name = "elu"; double alpha = 1;  // Clevert et al. 2015
  template <class T> MICA_FORMULA T y(T x) const { return math::select(x < T(0), T(alpha) * math::expm1(math::select(x < T(0), x, T(0))), x); }
  template <class T> MICA_FORMULA T dx_from_x(T x, T dy) const { return math::select(x > T(0), dy, dy * T(alpha) * math::exp(math::select(x < T(0), x, T(0)))); } };
struct Gelu { static constexpr auto name = "gelu";  // x Phi(x), Phi the normal distribution function (Hendrycks and Gimpel 2016)
  template <class T> MICA_FORMULA T phi(T x) const { return T(0.5) * math::erfc(x * T(-0.70710678118654752)); }
  template <class T> MICA_FORMULA T y(T x) const { return x * phi(x); }
  template <class T> MICA_FORMULA T dx_from_x(T x, T dy) const { return dy * (phi(x) + x * T(0.3989422804014327) * math::exp(T(-0.5) * x * x)); } };
struct GeluTanh { static constexpr auto name = "gelu_tanh";  // 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), written as x sigmoid(2 ...)
  template <class T> MICA_FORMULA T gate(T x) const { return T(1) / (T(1) + math::exp(T(-1.5957691216057308) * x * (T(1) + T(0.044715) * x * x))); }
  template <class T> MICA_FORMULA T y(T x) const { return x * gate(x); }
  template <class T> MICA_FORMULA T dx_from_x(T x, T dy) const {
    const T g = gate(x);
    return dy * (g + x * g * (T(1) - g) * T(1.5957691216057308) * (T(1) + T(0.134145) * x * x));
  } };
struct Silu { static constexpr auto name = "silu";  // x sigmoid(x), also called swish
  template <class T> MICA_FORMULA T y(T x) const { return x / (T(1) + math::exp(-x)); }
  template <class T> MICA_FORMULA T dx_from_x(T x, T dy) const { const T s = T(1) / (T(1) + math::exp(-x)); return dy * s * (T(1) + x * (T(1) - s)); } };
struct Softplus { static constexpr auto name = "softplus"; double beta = 1;  // log(1 + exp(beta x)) / beta, without overflow
  template <class T> MICA_FORMULA T y(T x) const {
    const T z = T(beta) * x;
    return math::select(z < T(0), T(0), x) + math::log1p(math::exp(-math::abs(z))) / T(beta);
  }
  template <class T> MICA_FORMULA T dx_from_x(T x, T dy) const { return dy / (T(1) + math::exp(T(-beta) * x)); } };
struct Softsign { static constexpr auto name = "softsign";  // x / (1 + |x|)
  template <class T> MICA_FORMULA T y(T x) const { return x / (T(1) + math::abs(x)); }
  template <class T> MICA_FORMULA T dx_from_x(T x, T dy) const { const T d = T(1) + math::abs(x); return dy / (d * d); } };
struct HardSigmoid { static constexpr auto name = "hard_sigmoid";  // min(max(x / 6 + 1/2, 0), 1)
  template <class T> MICA_FORMULA T y(T x) const { return math::select(x < T(-3), T(0), math::select(x > T(3), T(1), (x + T(3)) / T(6))); }
  template <class T> MICA_FORMULA T dx_from_x(T x, T dy) const { return math::select(math::abs(x) < T(3), dy / T(6), T(0)); } };
struct HardSwish { static constexpr auto name = "hard_swish";  // x hard_sigmoid(x) (Howard et al. 2019)
  template <class T> MICA_FORMULA T y(T x) const { return x * math::select(x < T(-3), T(0), math::select(x > T(3), T(1), (x + T(3)) / T(6))); }
  template <class T> MICA_FORMULA T dx_from_x(T x, T dy) const { return math::select(x <= T(-3), T(0), math::select(x >= T(3), dy, dy * (x / T(3) + T(0.5)))); } };
struct LogicalNot { static constexpr auto name = "logical_not"; static constexpr bool integers = true, boolean_result = true;
  template <class T> MICA_FORMULA T y(T x) const { return math::select(x == T(0), T(1), T(0)); } };
struct IsNan { static constexpr auto name = "isnan"; static constexpr bool integers = true, boolean_result = true;
  template <class T> MICA_FORMULA T y(T x) const { return math::select(x == x, T(0), T(1)); } };

struct Add { static constexpr auto name = "add"; static constexpr bool integers = true;
  template <class T> MICA_FORMULA T y(T a, T b) const { return a + b; }
  template <class T> MICA_FORMULA T da(T dy) const { return dy; }
  template <class T> MICA_FORMULA T db(T dy) const { return dy; } };
struct Subtract { static constexpr auto name = "subtract"; static constexpr bool integers = true;
  template <class T> MICA_FORMULA T y(T a, T b) const { return a - b; }
  template <class T> MICA_FORMULA T da(T dy) const { return dy; }
  template <class T> MICA_FORMULA T db(T dy) const { return -dy; } };
struct Multiply { static constexpr auto name = "multiply"; static constexpr bool integers = true;
  template <class T> MICA_FORMULA T y(T a, T b) const { return a * b; }
  template <class T> MICA_FORMULA T da(T, T b, T dy) const { return dy * b; }
  template <class T> MICA_FORMULA T db(T a, T, T dy) const { return dy * a; } };
struct Divide { static constexpr auto name = "divide";  // true division: integers give f32
  template <class T> MICA_FORMULA T y(T a, T b) const { return a / b; }
  template <class T> MICA_FORMULA T da(T, T b, T dy) const { return dy / b; }
  template <class T> MICA_FORMULA T db(T a, T b, T dy) const { return -dy * (a / b) / b; } };
struct Pow { static constexpr auto name = "pow";
  template <class T> MICA_FORMULA T y(T a, T b) const { return math::pow(a, b); }
  template <class T> MICA_FORMULA T da(T a, T b, T dy) const { return math::select(b == T(0), T(0), dy * b * math::pow(a, b - T(1))); }
  template <class T> MICA_FORMULA T db(T a, T b, T dy) const { return math::select(a == T(0), math::select(b >= T(0), T(0), dy * math::log(a)), dy * math::pow(a, b) * math::log(a)); } };
struct Maximum { static constexpr auto name = "maximum"; static constexpr bool integers = true;  // NaN wins; equal values share the gradient
  template <class T> MICA_FORMULA T y(T a, T b) const { return math::select(a >= b, a, math::select(a == a, b, a)); }
  template <class T> MICA_FORMULA T da(T a, T b, T dy) const { return math::select(a > b, dy, math::select(a == b, dy * T(0.5), T(0))); }
  template <class T> MICA_FORMULA T db(T a, T b, T dy) const { return da(b, a, dy); } };
struct Minimum { static constexpr auto name = "minimum"; static constexpr bool integers = true;
  template <class T> MICA_FORMULA T y(T a, T b) const { return math::select(a <= b, a, math::select(a == a, b, a)); }
  template <class T> MICA_FORMULA T da(T a, T b, T dy) const { return math::select(a < b, dy, math::select(a == b, dy * T(0.5), T(0))); }
  template <class T> MICA_FORMULA T db(T a, T b, T dy) const { return da(b, a, dy); } };
struct Equal { static constexpr auto name = "equal"; static constexpr bool integers = true, boolean_result = true;
  template <class T> MICA_FORMULA T y(T a, T b) const { return math::select(a == b, T(1), T(0)); } };
struct NotEqual { static constexpr auto name = "not_equal"; static constexpr bool integers = true, boolean_result = true;
  template <class T> MICA_FORMULA T y(T a, T b) const { return math::select(a == b, T(0), T(1)); } };
struct Less { static constexpr auto name = "less"; static constexpr bool integers = true, boolean_result = true;
  template <class T> MICA_FORMULA T y(T a, T b) const { return math::select(a < b, T(1), T(0)); } };
struct LessEqual { static constexpr auto name = "less_equal"; static constexpr bool integers = true, boolean_result = true;
  template <class T> MICA_FORMULA T y(T a, T b) const { return math::select(a <= b, T(1), T(0)); } };
struct Greater { static constexpr auto name = "greater"; static constexpr bool integers = true, boolean_result = true;
  template <class T> MICA_FORMULA T y(T a, T b) const { return math::select(a > b, T(1), T(0)); } };
struct GreaterEqual { static constexpr auto name = "greater_equal"; static constexpr bool integers = true, boolean_result = true;
  template <class T> MICA_FORMULA T y(T a, T b) const { return math::select(a >= b, T(1), T(0)); } };
struct LogicalAnd { static constexpr auto name = "logical_and"; static constexpr bool integers = true, boolean_result = true;
  template <class T> MICA_FORMULA T y(T a, T b) const { return math::select(a == T(0), T(0), math::select(b == T(0), T(0), T(1))); } };
struct LogicalOr { static constexpr auto name = "logical_or"; static constexpr bool integers = true, boolean_result = true;
  template <class T> MICA_FORMULA T y(T a, T b) const { return math::select(a == T(0), math::select(b == T(0), T(0), T(1)), T(1)); } };
struct LogicalXor { static constexpr auto name = "logical_xor"; static constexpr bool integers = true, boolean_result = true;
  template <class T> MICA_FORMULA T y(T a, T b) const { return math::select(a == T(0), math::select(b == T(0), T(0), T(1)), math::select(b == T(0), T(1), T(0))); } };
}  // namespace op

template <class... F> struct OpList { static constexpr int size = sizeof...(F); };
using UnaryOps = OpList<op::Negative, op::Abs, op::Sign, op::Square, op::Reciprocal, op::Exp, op::Expm1, op::Log, op::Log1p, op::Sqrt, op::Rsqrt, op::Sin,
    op::Cos, op::Floor, op::Ceil, op::Round, op::Clamp, op::Step, op::Sigmoid, op::Tanh, op::Relu, op::Relu6, op::LeakyRelu, op::Elu, op::Gelu, op::GeluTanh,
    op::Silu, op::Softplus, op::Softsign, op::HardSigmoid, op::HardSwish, op::LogicalNot, op::IsNan>;
using BinaryOps = OpList<op::Add, op::Subtract, op::Multiply, op::Divide, op::Pow, op::Maximum, op::Minimum, op::Equal, op::NotEqual, op::Less,
    op::LessEqual, op::Greater, op::GreaterEqual, op::LogicalAnd, op::LogicalOr, op::LogicalXor>;

// Instantiated in the library for every op of the lists.
template <class F> Tensor unary(const F& f, const Tensor& x);
template <class F> Tensor binary(const F& f, const Tensor& a, const Tensor& b);
// A number beside a tensor, as a 0-d tensor of the dtype that the two meet in.
Tensor beside(Scalar value, const Tensor& x);

// Each element on its own; the result has x's shape, dtype (f32 for integers, where the op needs floats) and, where x is packed, its strides.
inline Tensor negative(const Tensor& x) { return unary(op::Negative{}, x); }
inline Tensor abs(const Tensor& x) { return unary(op::Abs{}, x); }
inline Tensor sign(const Tensor& x) { return unary(op::Sign{}, x); }
inline Tensor square(const Tensor& x) { return unary(op::Square{}, x); }
inline Tensor reciprocal(const Tensor& x) { return unary(op::Reciprocal{}, x); }
inline Tensor exp(const Tensor& x) { return unary(op::Exp{}, x); }
inline Tensor expm1(const Tensor& x) { return unary(op::Expm1{}, x); }
inline Tensor log(const Tensor& x) { return unary(op::Log{}, x); }
inline Tensor log1p(const Tensor& x) { return unary(op::Log1p{}, x); }
inline Tensor sqrt(const Tensor& x) { return unary(op::Sqrt{}, x); }
inline Tensor rsqrt(const Tensor& x) { return unary(op::Rsqrt{}, x); }
inline Tensor sin(const Tensor& x) { return unary(op::Sin{}, x); }
inline Tensor cos(const Tensor& x) { return unary(op::Cos{}, x); }
inline Tensor floor(const Tensor& x) { return unary(op::Floor{}, x); }
inline Tensor ceil(const Tensor& x) { return unary(op::Ceil{}, x); }
inline Tensor round(const Tensor& x) { return unary(op::Round{}, x); }
inline Tensor clamp(const Tensor& x, op::Clamp options) { return unary(options, x); }  // clamp(x, {.min = 0, .max = 1})
inline Tensor logical_not(const Tensor& x) { return unary(op::LogicalNot{}, x); }
inline Tensor isnan(const Tensor& x) { return unary(op::IsNan{}, x); }

inline Tensor identity(const Tensor& x) { return x; }
inline Tensor step(const Tensor& x) { return unary(op::Step{}, x); }
inline Tensor sigmoid(const Tensor& x) { return unary(op::Sigmoid{}, x); }
inline Tensor tanh(const Tensor& x) { return unary(op::Tanh{}, x); }
inline Tensor relu(const Tensor& x) { return unary(op::Relu{}, x); }
inline Tensor relu6(const Tensor& x) { return unary(op::Relu6{}, x); }
inline Tensor leaky_relu(const Tensor& x, op::LeakyRelu options = {}) { return unary(options, x); }
inline Tensor elu(const Tensor& x, op::Elu options = {}) { return unary(options, x); }
inline Tensor gelu(const Tensor& x) { return unary(op::Gelu{}, x); }
inline Tensor gelu_tanh(const Tensor& x) { return unary(op::GeluTanh{}, x); }
inline Tensor silu(const Tensor& x) { return unary(op::Silu{}, x); }
inline Tensor softplus(const Tensor& x, op::Softplus options = {}) { return unary(options, x); }
inline Tensor softsign(const Tensor& x) { return unary(op::Softsign{}, x); }
inline Tensor hard_sigmoid(const Tensor& x) { return unary(op::HardSigmoid{}, x); }
inline Tensor hard_swish(const Tensor& x) { return unary(op::HardSwish{}, x); }

// Two tensors, with NumPy's broadcasting; the dtype is PyTorch's result_type.
inline Tensor add(const Tensor& a, const Tensor& b) { return binary(op::Add{}, a, b); }
inline Tensor subtract(const Tensor& a, const Tensor& b) { return binary(op::Subtract{}, a, b); }
inline Tensor multiply(const Tensor& a, const Tensor& b) { return binary(op::Multiply{}, a, b); }
inline Tensor divide(const Tensor& a, const Tensor& b) { return binary(op::Divide{}, a, b); }
inline Tensor pow(const Tensor& a, const Tensor& b) { return binary(op::Pow{}, a, b); }
Tensor pow(const Tensor& x, Scalar exponent);
inline Tensor pow(Scalar base, const Tensor& x) { return pow(beside(base, x), x); }
inline Tensor maximum(const Tensor& a, const Tensor& b) { return binary(op::Maximum{}, a, b); }
inline Tensor minimum(const Tensor& a, const Tensor& b) { return binary(op::Minimum{}, a, b); }
inline Tensor logical_and(const Tensor& a, const Tensor& b) { return binary(op::LogicalAnd{}, a, b); }
inline Tensor logical_or(const Tensor& a, const Tensor& b) { return binary(op::LogicalOr{}, a, b); }
inline Tensor logical_xor(const Tensor& a, const Tensor& b) { return binary(op::LogicalXor{}, a, b); }

inline Tensor operator-(const Tensor& x) { return negative(x); }
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return subtract(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return multiply(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return divide(a, b); }
inline Tensor operator==(const Tensor& a, const Tensor& b) { return binary(op::Equal{}, a, b); }  // elementwise: bool tensors
inline Tensor operator!=(const Tensor& a, const Tensor& b) { return binary(op::NotEqual{}, a, b); }
inline Tensor operator<(const Tensor& a, const Tensor& b) { return binary(op::Less{}, a, b); }
inline Tensor operator<=(const Tensor& a, const Tensor& b) { return binary(op::LessEqual{}, a, b); }
inline Tensor operator>(const Tensor& a, const Tensor& b) { return binary(op::Greater{}, a, b); }
inline Tensor operator>=(const Tensor& a, const Tensor& b) { return binary(op::GreaterEqual{}, a, b); }
inline Tensor operator+(const Tensor& a, Scalar b) { return add(a, beside(b, a)); }
inline Tensor operator-(const Tensor& a, Scalar b) { return subtract(a, beside(b, a)); }
inline Tensor operator*(const Tensor& a, Scalar b) { return multiply(a, beside(b, a)); }
inline Tensor operator/(const Tensor& a, Scalar b) { return divide(a, beside(b, a)); }
inline Tensor operator+(Scalar a, const Tensor& b) { return add(beside(a, b), b); }
inline Tensor operator-(Scalar a, const Tensor& b) { return subtract(beside(a, b), b); }
inline Tensor operator*(Scalar a, const Tensor& b) { return multiply(beside(a, b), b); }
inline Tensor operator/(Scalar a, const Tensor& b) { return divide(beside(a, b), b); }
inline Tensor operator==(const Tensor& a, Scalar b) { return a == beside(b, a); }
inline Tensor operator!=(const Tensor& a, Scalar b) { return a != beside(b, a); }
inline Tensor operator<(const Tensor& a, Scalar b) { return a < beside(b, a); }
inline Tensor operator<=(const Tensor& a, Scalar b) { return a <= beside(b, a); }
inline Tensor operator>(const Tensor& a, Scalar b) { return a > beside(b, a); }
inline Tensor operator>=(const Tensor& a, Scalar b) { return a >= beside(b, a); }

// a where condition is true (not 0), b elsewhere; the three broadcast. The gradient goes to the one that was taken.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
// x in another dtype (x itself if it has it). The gradient comes back in x's dtype.
Tensor cast(const Tensor& x, DType dtype);

}  // namespace mica
