#pragma once
#include <concepts>
#include <initializer_list>
#include <variant>
#include "mica/core/ops/view.h"

namespace mica {

// Entries start, start + step, ... before stop of a dimension; negative positions count from the end, positions beyond it are cut off.
struct Range {
  int64_t start = 0, stop = to_end, step = 1;
};
struct NewAxis {};
struct Ellipsis {};
inline constexpr NewAxis new_axis{};   // a new dimension of size 1
inline constexpr Ellipsis ellipsis{};  // all dimensions that the others leave, as often as needed: at most once

// What stands at one place of index(): an integer (that entry; the dimension goes), a Range, new_axis or ellipsis.
class Index {
 public:
  template <std::integral T> requires(!std::is_same_v<T, bool>)
  Index(T i) : value_(int64_t(i)) {}
  Index(Range r) : value_(r) {}
  Index(NewAxis a) : value_(a) {}
  Index(Ellipsis e) : value_(e) {}
  const auto& value() const { return value_; }

 private:
  std::variant<int64_t, Range, NewAxis, Ellipsis> value_;
};

// x[i, j, ...] as in NumPy: index(x, {Range{1, 5, 2}, 3, ellipsis, new_axis}). Dimensions that are not named stay whole. A view of x: a write
// to it is one to x, as copy(value, index(x, {0, Range{2, 4}})). Gradients pass. Throws Error for too many indices and for those out of range.
// (Entries chosen by a mask or by a tensor of integers are copies: x[mask], x[ids], index_select.)
Tensor index(const Tensor& x, std::initializer_list<Index> at);

}  // namespace mica
