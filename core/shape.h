#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include "mica/core/error.h"

namespace mica {

// The sizes of a tensor's dimensions (or its strides, in elements), at most 6, stored inline. Negative indices count from the end.
class Shape {
 public:
  static constexpr int max_rank = 6;
  Shape() = default;
  Shape(std::initializer_list<int64_t> sizes) { for (int64_t v : sizes) push_back(v); }
  explicit Shape(std::span<const int64_t> sizes) { for (int64_t v : sizes) push_back(v); }

  int rank() const { return rank_; }
  int64_t& operator[](int i) { return sizes_[i < 0 ? i + rank_ : i]; }
  int64_t operator[](int i) const { return sizes_[i < 0 ? i + rank_ : i]; }
  void push_back(int64_t v) { if (rank_ == max_rank) too_long(); sizes_[rank_++] = v; }
  void insert(int at, int64_t v) { push_back(v); std::rotate(sizes_ + at, sizes_ + rank_ - 1, sizes_ + rank_); }
  void erase(int at) { std::copy(sizes_ + at + 1, sizes_ + rank_, sizes_ + at); --rank_; }
  const int64_t* begin() const { return sizes_; }
  const int64_t* end() const { return sizes_ + rank_; }
  int64_t count() const { int64_t n = 1; for (int64_t v : *this) n *= v; return n; }  // number of elements
  bool operator==(const Shape& o) const {
    if (rank_ != o.rank_) return false;
    for (int i = 0; i < rank_; ++i) if (sizes_[i] != o.sizes_[i]) return false;
    return true;
  }

 private:
  [[noreturn]] static void too_long();
  int64_t sizes_[max_rank];
  int rank_ = 0;
};
using Strides = Shape;

std::string to_string(const Shape&);  // [2, 3]

// How the elements of a whole tensor follow each other in memory. channels_last: an image batch (n, c, h, w) is stored n, h, w, c; for any
// rank >= 3 the second dimension is innermost. Below rank 3 the two are the same.
enum class Layout : uint8_t { row_major, channels_last };

Strides strides_of(const Shape& shape, Layout layout = Layout::row_major);
bool has_layout(const Shape& shape, const Strides& strides, Layout layout);  // dimensions of size 1 do not count
bool is_packed(const Shape& shape, const Strides& strides);                  // some order of the dimensions is dense: no gaps, no overlap

bool same_order(const Shape& shape, const Strides& a, const Strides& b);     // equal strides; dimensions of size 1 do not count

int dim_of(const Shape& shape, int dim);                      // dim in [-rank, rank) as [0, rank); throws Error otherwise
Shape broadcast(const Shape& a, const Shape& b);              // NumPy's rule; throws Error naming the sizes that do not fit

}  // namespace mica
