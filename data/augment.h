#pragma once
#include <cstdint>

namespace mica {

// What is done at random to each image of a batch. Nothing by default.
struct Augment {
  int crop_padding = 0;  // cut at a random place, in its own size, from the image with a black border of so many pixels
  bool flip = false;     // mirrored left to right, one time in two
  int shift = 0;         // moved by up to so many pixels up or down, left or right; the image's edge is repeated
  bool operator==(const Augment&) const = default;
};

// The random decisions for one image of [h, w] pixels: pixel (y, x) of the result is black where (v, u) = (y + crop_y, x + crop_x) lies outside
// the image, and the image's pixel (v + shift_y, u + shift_x), clamped to its edge, elsewhere. Then, if `flip`, the result is mirrored.
struct AugmentDraw {
  int crop_y = 0, crop_x = 0, shift_y = 0, shift_x = 0;
  bool flip = false;
  bool operator==(const AugmentDraw&) const = default;
};

// Drawn by Philox from these numbers alone: the same for any number of threads, workers and examples per batch.
// Throws Error if crop_padding or shift is negative.
AugmentDraw draw(const Augment& augment, uint64_t seed, int64_t epoch, int64_t row);

}  // namespace mica
