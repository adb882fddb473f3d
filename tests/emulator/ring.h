#pragma once
#include <utility>
namespace mica::emulator {

// Threads that can go on: at most 1024, taken from either end or from the middle.
class Ring {
 public:
  bool empty() const { return begin_ == end_; }
  unsigned size() const { return end_ - begin_; }
  void clear() { begin_ = end_ = 0; }
  void push(unsigned thread) { at(end_++) = thread; }
  unsigned first() { return at(begin_++); }
  unsigned last() { return at(--end_); }
  unsigned any(unsigned i) { std::swap(at(begin_), at(begin_ + i)); return first(); }

 private:
  unsigned& at(unsigned i) { return items_[i % 1024]; }
  unsigned items_[1024], begin_ = 0, end_ = 0;
};

}  // namespace mica::emulator
