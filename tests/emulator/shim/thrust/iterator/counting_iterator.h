#pragma once
#include <cstddef>
#include <iterator>
// <thrust/iterator/counting_iterator.h>
namespace thrust {

// The numbers from `first` on.
template <class T> class counting_iterator {
 public:
  using value_type = T;
  using reference = T;
  using pointer = void;
  using difference_type = ptrdiff_t;
  using iterator_category = std::random_access_iterator_tag;
  counting_iterator() = default;
  explicit counting_iterator(T first) : at_(first) {}
  T operator*() const { return at_; }
  T operator[](difference_type i) const { return T(at_ + T(i)); }
  counting_iterator operator+(difference_type i) const { return counting_iterator(T(at_ + T(i))); }
  difference_type operator-(const counting_iterator& other) const { return difference_type(at_) - difference_type(other.at_); }
  counting_iterator& operator++() { ++at_; return *this; }
  bool operator==(const counting_iterator&) const = default;

 private:
  T at_{};
};
template <class T> counting_iterator<T> make_counting_iterator(T first) { return counting_iterator<T>(first); }

}  // namespace thrust
