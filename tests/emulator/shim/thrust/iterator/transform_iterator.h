#pragma once
#include <cstddef>
#include <iterator>
#include <type_traits>
// <thrust/iterator/transform_iterator.h>
namespace thrust {

// f(in[0]), f(in[1]), ...
template <class F, class In> class transform_iterator {
 public:
  using reference = std::invoke_result_t<const F, typename std::iterator_traits<In>::reference>;
  using value_type = std::decay_t<reference>;
  using pointer = void;
  using difference_type = ptrdiff_t;
  using iterator_category = std::random_access_iterator_tag;
  transform_iterator() = default;
  transform_iterator(In in, F f) : in_(in), f_(f) {}
  reference operator*() const { return f_(*in_); }
  reference operator[](difference_type i) const { return f_(in_[i]); }
  transform_iterator operator+(difference_type i) const { return {in_ + i, f_}; }
  difference_type operator-(const transform_iterator& other) const { return in_ - other.in_; }
  transform_iterator& operator++() { ++in_; return *this; }
  bool operator==(const transform_iterator& other) const { return in_ == other.in_; }

 private:
  In in_{};
  F f_{};
};
template <class F, class In> transform_iterator<F, In> make_transform_iterator(In in, F f) { return {in, f}; }

}  // namespace thrust
