#pragma once
#include <cstdint>

namespace mica {

// One spatial dimension of a pooling: output o reads inputs begin + t step for t < size, the taps inside the image. A table makes every
// kind of window (padded, dilated, cut off, adaptive) one kernel.
struct PoolWindow { int32_t begin, size, first, divisor; };  // first: the number of the first tap inside; divisor: the mean's, of this dimension
struct PoolReaders { int32_t begin, end; };                  // outputs whose windows span an input
struct PoolAxis {
  int64_t in, out, step, taps;   // taps: the most that a window has
  bool disjoint, covers;         // no input is read twice; every input is read, by the windows as a whole
  const PoolWindow* windows;     // of each output
  const PoolReaders* readers;    // of each input
};
struct PoolShape { int64_t n, c; PoolAxis h, w; };

// Channels-last floats. Forward works on rows of y [begin, end), counted over images (n * h.out); index may be null: the tap's number else.
// Backward works on rows of x, or of y where both axes are disjoint (each then has rows of x of its own).
struct Pool2dTable {
  void (*max_forward)(const PoolShape& s, const float* x, float* y, uint8_t* index, int64_t begin, int64_t end);
  void (*max_backward)(const PoolShape& s, const float* dy, const uint8_t* index, float* dx, int64_t begin, int64_t end);
  void (*avg_forward)(const PoolShape& s, const float* x, float* y, int64_t begin, int64_t end);
  void (*avg_backward)(const PoolShape& s, const float* dy, float* dx, int64_t begin, int64_t end);
};
namespace v2 { extern const Pool2dTable pool2d; }
namespace v3 { extern const Pool2dTable pool2d; }
namespace v4 { extern const Pool2dTable pool2d; }

}  // namespace mica
