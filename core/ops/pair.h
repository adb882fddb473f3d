#pragma once

namespace mica {

// A size, stride or padding of an image: {height, width}, or one number for both.
struct Pair {
  int h, w;
  constexpr Pair(int both) : h(both), w(both) {}
  constexpr Pair(int h, int w) : h(h), w(w) {}
  constexpr bool operator==(const Pair&) const = default;
};

}  // namespace mica
