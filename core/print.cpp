#include <charconv>
#include <cmath>
#include <ostream>
#include <vector>
#include "mica/core/kernels.h"
#include "mica/core/op.h"
// Tensors as NumPy prints arrays with its default options: all numbers of a tensor in one format, 8 digits behind the point at most and no more
// than tell a value from its neighbours, 75 columns, and of more than 1000 elements the first and last 3 of each dimension.
namespace mica {
namespace {
constexpr int precision = 8, edge = 3;
constexpr int64_t most_elements = 1000;
constexpr size_t columns = 75;

// The digits of a finite number: the shortest that are read back as the same value of its dtype, d.ddd 10^exponent.
struct Decimal {
  bool negative;
  std::string digits;
  int exponent;
};
Decimal decimal(std::string_view scientific) {  // -d.ddde+dd
  const size_t e = scientific.find('e');
  Decimal d{scientific[0] == '-', "", 0};
  for (const char c : scientific.substr(0, e)) if (c >= '0' && c <= '9') d.digits += c;
  std::from_chars(scientific.data() + e + 1 + (scientific[e + 1] == '+'), scientific.data() + scientific.size(), d.exponent);
  while (d.digits.size() > 1 && d.digits.back() == '0') d.digits.pop_back();
  return d;
}
template <class V, class... Precision> std::string chars(V v, std::chars_format format, Precision... p) {
  char text[400];
  return {text, std::to_chars(text, text + sizeof text, v, format, p...).ptr};
}
template <class T> Decimal shortest(T v) {
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) return decimal(chars(v, std::chars_format::scientific));
  else for (int p = 0;; ++p) {
    const std::string near = chars(double(v), std::chars_format::scientific, p);
    const double up = double(v) + std::copysign(0.5 * std::pow(10.0, decimal(near).exponent - p), double(v));
    for (const std::string& text : {near, chars(up, std::chars_format::scientific, p)}) {  // a power of 2 has more room above than below
      float back = 0;
      std::from_chars(text.data(), text.data() + text.size(), back);
      if (T(back).bits == v.bits) return decimal(text);
    }
  }
}
// "12", "5" of 12.5; at most `most` digits behind the point, where they run out rounded from the exact value.
std::pair<std::string, std::string> positional(const Decimal& d, double v, int most) {
  const int behind = int(d.digits.size()) - 1 - d.exponent;
  std::string whole, fraction;
  if (behind > most) {
    const std::string text = chars(std::abs(v), std::chars_format::fixed, most);
    const size_t point = text.find('.');
    whole = text.substr(0, point);
    fraction = text.substr(point + 1);
    while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
  } else if (d.exponent < 0) {
    whole = "0";
    if (d.digits != "0") fraction = std::string(size_t(-d.exponent - 1), '0') + d.digits;
  } else {
    const size_t n = size_t(d.exponent) + 1;
    whole = d.digits.substr(0, n);
    whole.resize(n, '0');
    if (d.digits.size() > n) fraction = d.digits.substr(n);
  }
  return {(d.negative ? "-" : "") + whole, fraction};
}
std::string exponent_digits(int exponent) {
  const std::string digits = std::to_string(std::abs(exponent));
  return digits.size() < 2 ? "0" + digits : digits;
}
std::string padded(const std::string& text, size_t width) { return std::string(width > text.size() ? width - text.size() : 0, ' ') + text; }

template <class T> constexpr double largest_positional = 1e8;  // decimal digits that the dtype holds, at most 8
template <> constexpr double largest_positional<float> = 1e6;
template <> constexpr double largest_positional<float16> = 1e3;
template <> constexpr double largest_positional<bfloat16> = 1e2;

// A number alone: no other to line up with, all its digits.
template <class T> std::string alone(T v) {
  const double x = double(v);
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x < 0 ? "-inf" : "inf";
  const Decimal d = shortest(v);
  if (x != 0 && (std::abs(x) < 1e-4 || std::abs(x) >= (std::is_same_v<T, double> ? 1e16 : largest_positional<T>))) {
    const std::string digits = d.digits.substr(0, 1) + (d.digits.size() > 1 ? "." + d.digits.substr(1) : "");
    return (d.negative ? "-" : "") + digits + (d.exponent < 0 ? "e-" : "e+") + exponent_digits(d.exponent);
  }
  const auto [whole, fraction] = positional(d, x, 400);
  return whole + "." + (fraction.empty() ? "0" : fraction);
}

template <class T> std::vector<std::string> words(const std::vector<T>& values) {
  double most = 0, least = HUGE_VAL;
  bool any_other = false, negative_infinity = false;
  for (const T& value : values) {
    const double v = double(value);
    if (!std::isfinite(v)) { any_other = true; negative_infinity |= v < 0; continue; }
    if (v != 0) { most = std::max(most, std::abs(v)); least = std::min(least, std::abs(v)); }
  }
  const bool scientific = most > 0 && (most >= largest_positional<T> || least < double(T(Compute<T>(1e-4))) || double(T(Compute<T>(most / least))) > 1000);
  struct Number { std::string whole, fraction, exponent; };
  std::vector<Number> numbers(values.size());
  size_t left = 0, right = 0, power = 0;  // widths: before the point, behind it, of the exponent
  for (size_t i = 0; i < values.size(); ++i) {
    const double v = double(values[i]);
    if (!std::isfinite(v)) continue;
    Decimal d = shortest(values[i]);
    if (scientific) {
      if (int(d.digits.size()) > precision + 1) d = decimal(chars(v, std::chars_format::scientific, precision));
      numbers[i] = {(d.negative ? "-" : "") + d.digits.substr(0, 1), d.digits.substr(1), exponent_digits(d.exponent)};
      numbers[i].exponent.insert(0, d.exponent < 0 ? "-" : "+");
    } else {
      std::tie(numbers[i].whole, numbers[i].fraction) = positional(d, v, precision);
    }
    left = std::max(left, numbers[i].whole.size());
    right = std::max(right, numbers[i].fraction.size());
    power = std::max(power, numbers[i].exponent.size());
  }
  const size_t behind = scientific ? right + 1 + power : right;  // the 'e' too
  const size_t widest = !any_other ? 0 : negative_infinity ? 4 : 3;  // nan, inf, -inf
  if (widest > behind + 1) left = std::max(left, widest - behind - 1);
  std::vector<std::string> result;
  for (size_t i = 0; i < values.size(); ++i) {
    const double v = double(values[i]);
    const Number& n = numbers[i];
    if (!std::isfinite(v)) { result.push_back(padded(std::isnan(v) ? "nan" : v < 0 ? "-inf" : "inf", left + behind + 1)); continue; }
    if (!scientific) { result.push_back(padded(n.whole, left) + "." + n.fraction + std::string(right - n.fraction.size(), ' ')); continue; }
    std::string digits = n.whole + "." + n.fraction;
    if (n.fraction.size() < right) digits = chars(v, std::chars_format::scientific, int(right));  // filled up with the true ones
    digits.resize(digits.find('.') + 1 + right);
    result.push_back(padded(digits, left + 1 + right) + "e" + n.exponent.substr(0, 1) + std::string(power - n.exponent.size(), '0') + n.exponent.substr(1));
  }
  return result;
}
template <class T> requires std::is_integral_v<T> std::vector<std::string> words(const std::vector<T>& values) {
  std::vector<std::string> result;
  size_t width = 0;
  for (const T v : values) {
    if constexpr (std::is_same_v<T, bool>) result.push_back(v ? "true" : "false"); else result.push_back(std::to_string(v));
    width = std::max(width, result.back().size());
  }
  if constexpr (std::is_same_v<T, bool>) width = 5;
  for (std::string& text : result) text = padded(text, width);
  return result;
}

// The printed elements, in order, and their brackets.
struct Printer {
  const Tensor& x;
  bool summarised;
  std::vector<std::string> words = {};
  size_t next = 0;

  bool cut(int dim) const { return summarised && x.shape()[dim] > 2 * edge; }
  template <class F> void each(int dim, F&& f) const {  // f(index, true before what is left out)
    const int64_t n = x.shape()[dim];
    for (int64_t i = 0; i < n; ++i) {
      if (cut(dim) && i == edge) i = n - edge;
      f(i, cut(dim) && i == edge - 1);
    }
  }
  template <class T> void gather(std::vector<T>& values, int dim, int64_t offset) const {
    if (dim == x.rank()) return values.push_back(output<T>(x)[offset]);
    each(dim, [&](int64_t i, bool) { gather(values, dim + 1, offset + i * x.strides()[dim]); });
  }
  std::string brackets(int dim) {
    if (dim == x.rank()) return words[next++];
    const std::string indent(size_t(dim) + 1, ' ');
    const bool innermost = dim == x.rank() - 1;
    const size_t width = columns - size_t(dim) - 1;
    std::string text, line = indent;
    auto add = [&](const std::string& word, bool last) {
      if (innermost) {
        if (line.size() + word.size() > width && line.size() > indent.size()) {
          line.resize(line.find_last_not_of(' ') + 1);
          text += line + "\n";
          line = indent;
        }
        line += word;
        if (!last) line += " ";
      } else {
        text += indent + word;
        if (!last) text += std::string(size_t(x.rank() - 1 - dim), '\n');
      }
    };
    each(dim, [&](int64_t i, bool gap) {
      add(brackets(dim + 1), i == x.shape()[dim] - 1);
      if (gap) add("...", false);
    });
    if (innermost) text += line;
    return "[" + text.substr(indent.size()) + "]";
  }
};
}  // namespace

std::string to_string(const Tensor& x) {
  if (!x) return "undefined";
  Tensor host = x.detach();
  if (x.device() != cpu) { host = empty(x.shape(), {x.dtype()}); copy_into(host, x); }
  Printer printer{host, x.size() > most_elements};
  std::string text;
  dispatch(x.dtype(), [&]<class T>(T) {
    std::vector<T> values;
    printer.gather(values, 0, 0);
    if (x.rank() > 0) printer.words = words(values);
    else if constexpr (is_float(dtype_of<T>)) printer.words = {alone(values[0])};
    else if constexpr (std::is_same_v<T, bool>) printer.words = {values[0] ? "true" : "false"};
    else printer.words = {std::to_string(values[0])};
  });
  text = x.size() == 0 ? "[]" : printer.brackets(0);
  if (x.dtype() != f32 || x.device() != cpu || x.size() == 0 || printer.summarised) text += "\n" + describe(x);
  return text;
}
std::ostream& operator<<(std::ostream& out, const Tensor& x) { return out << to_string(x); }

}  // namespace mica
