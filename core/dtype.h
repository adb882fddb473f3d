#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace mica {

// 16-bit storage types. Arithmetic happens in float; a conversion rounds to nearest even and keeps NaN a NaN.
struct bfloat16 {
  uint16_t bits = 0;
  bfloat16() = default;
  explicit bfloat16(float x) {
    const uint32_t u = std::bit_cast<uint32_t>(x);
    bits = (u & 0x7fffffffu) > 0x7f800000u ? uint16_t(u >> 16 | 0x40) : uint16_t((u + 0x7fffu + (u >> 16 & 1)) >> 16);
  }
  operator float() const { return std::bit_cast<float>(uint32_t(bits) << 16); }
};
struct float16 {
  uint16_t bits = 0;
  float16() = default;
  explicit float16(float x) {
    const uint32_t u = std::bit_cast<uint32_t>(x), sign = u >> 16 & 0x8000u, a = u & 0x7fffffffu;
    if (a > 0x7f800000u) bits = uint16_t(sign | 0x7e00u);
    else if (a >= 0x477ff000u) bits = uint16_t(sign | 0x7c00u);  // 65520 and above round to infinity
    else if (a < 0x38800000u) bits = uint16_t(sign | (std::bit_cast<uint32_t>(std::bit_cast<float>(a) + 0.5f) - 0x3f000000u));  // subnormal: the adder rounds
    else bits = uint16_t(sign | ((a - 0x38000000u + 0xfffu + (a >> 13 & 1)) >> 13));
  }
  operator float() const {
    const uint32_t sign = uint32_t(bits & 0x8000u) << 16, a = bits & 0x7fffu;
    if (a >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | (a & 0x3ffu) << 13);
    if (a < 0x400u) return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(float(a) * 0x1p-24f));
    return std::bit_cast<float>(sign | ((a << 13) + 0x38000000u));
  }
};

enum class DType : uint8_t { f64, f32, f16, bf16, i64, i32, u8, boolean };
inline constexpr DType f64 = DType::f64, f32 = DType::f32, f16 = DType::f16, bf16 = DType::bf16;
inline constexpr DType i64 = DType::i64, i32 = DType::i32, u8 = DType::u8, boolean = DType::boolean;

constexpr bool is_float(DType t) { return t <= DType::bf16; }
constexpr bool is_half(DType t) { return t == DType::f16 || t == DType::bf16; }
constexpr size_t bytes_of(DType t) { constexpr size_t bytes[] = {8, 4, 2, 2, 8, 4, 1, 1}; return bytes[size_t(t)]; }
constexpr const char* name_of(DType t) { constexpr const char* names[] = {"f64", "f32", "f16", "bf16", "i64", "i32", "u8", "bool"}; return names[size_t(t)]; }

// The dtype in which a and b meet, as PyTorch's promote_types: bool < integers < floats; f16 with bf16 gives f32.
DType promote(DType a, DType b);

template <class T> struct DTypeOf;
template <> struct DTypeOf<double> { static constexpr DType value = f64; };
template <> struct DTypeOf<float> { static constexpr DType value = f32; };
template <> struct DTypeOf<float16> { static constexpr DType value = f16; };
template <> struct DTypeOf<bfloat16> { static constexpr DType value = bf16; };
template <> struct DTypeOf<int64_t> { static constexpr DType value = i64; };
template <> struct DTypeOf<int32_t> { static constexpr DType value = i32; };
template <> struct DTypeOf<uint8_t> { static constexpr DType value = u8; };
template <> struct DTypeOf<bool> { static constexpr DType value = boolean; };
template <class T> inline constexpr DType dtype_of = DTypeOf<std::remove_const_t<T>>::value;

// A C++ number next to a tensor. It never raises the tensor's dtype within a category (f16 + 2.5 is f16), but a float raises integers.
class Scalar {
 public:
  template <class T> requires std::is_arithmetic_v<T>
  constexpr Scalar(T v) : real_(double(v)), integer_(int64_t(v)), dtype_(std::is_same_v<T, bool> ? boolean : std::is_floating_point_v<T> ? f32 : i64) {}
  constexpr double real() const { return real_; }
  constexpr int64_t integer() const { return integer_; }
  constexpr DType dtype() const { return dtype_; }  // f32, i64 or bool: the category
 private:
  double real_;
  int64_t integer_;
  DType dtype_;
};

}  // namespace mica
