#include "mica/core/ops/augment.h"
#include <algorithm>
#include <tuple>
#include "mica/core/op.h"
#include "mica/cpu/parallel.h"

namespace mica {
namespace {

struct Sizes { int64_t n, c, h, w, out_h, out_w; };

// One image. in: [h, w, c]; draw: 5 numbers; columns: scratch for out_w numbers; out: [out_h, out_w, c]. Values are only copied, so that W is any word
// of their size. `fixed` is the number of channels, or 0 for any.
template <class W, int fixed> void write_image(const Sizes& s, const uint8_t* in, const W* table, const int32_t* draw, int64_t* columns, W* out) {
  const int64_t c = fixed ? fixed : s.c, h = s.h, w = s.w, crop_y = draw[0], crop_x = draw[1], shift_y = draw[2], shift_x = draw[3];
  const bool flip = draw[4] != 0;
  const auto write = [&](const uint8_t* from, W* to) { for (int64_t k = 0; k < c; ++k) to[k] = table[256 * k + from[k]]; };
  const auto black = [&](W* to, int64_t pixels) { for (; pixels > 0; --pixels, to += c) for (int64_t k = 0; k < c; ++k) to[k] = table[256 * k]; };
  if (s.out_h == h && s.out_w == w && std::all_of(draw, draw + 5, [](int32_t d) { return d == 0; })) {
    for (int64_t i = 0; i < h * w; ++i) write(in + i * c, out + i * c);
    return;
  }
  // Column x of the result, before mirroring, is column x + crop_x of the image, which is there for x in [first, last).
  int64_t first = std::clamp<int64_t>(-crop_x, 0, s.out_w), last = std::clamp<int64_t>(w - crop_x, first, s.out_w);
  if (flip) std::tie(first, last) = std::pair(s.out_w - last, s.out_w - first);
  for (int64_t x = first; x < last; ++x) columns[x] = c * std::clamp<int64_t>((flip ? s.out_w - 1 - x : x) + crop_x + shift_x, 0, w - 1);
  for (int64_t y = 0; y < s.out_h; ++y, out += s.out_w * c) {
    const int64_t v = y + crop_y;
    if (v < 0 || v >= h) {
      black(out, s.out_w);
      continue;
    }
    const uint8_t* from = in + std::clamp<int64_t>(v + shift_y, 0, h - 1) * w * c;
    black(out, first);
    for (int64_t x = first; x < last; ++x) write(from + columns[x], out + x * c);
    black(out + last * c, s.out_w - last);
  }
}

template <class W> void write_images(const Sizes& s, const uint8_t* in, const void* table, const int32_t* draws, void* out) {
  static constexpr int32_t none[5] = {};
  const int64_t out_size = s.out_h * s.out_w * s.c;
  const auto write = s.c == 1 ? write_image<W, 1> : s.c == 3 ? write_image<W, 3> : write_image<W, 0>;
  parallel_for(s.n, std::max<int64_t>(1, pointwise_grain / std::max<int64_t>(1, out_size)), [&](int64_t begin, int64_t end) {
    std::vector<int64_t> columns(static_cast<size_t>(s.out_w));
    for (int64_t i = begin; i < end; ++i)
      write(s, in + i * s.h * s.w * s.c, static_cast<const W*>(table), draws ? draws + 5 * i : none, columns.data(), static_cast<W*>(out) + i * out_size);
  });
}

}  // namespace

void op::Augment::forward(const Cpu&, const Tensor& pixels, const Tensor& table, const Tensor& draws, Tensor& y) const {
  const Sizes s{pixels.size(0), pixels.size(1), pixels.size(2), pixels.size(3), y.size(2), y.size(3)};
  const size_t bytes = bytes_of(y.dtype());
  const auto write = bytes == 8 ? write_images<uint64_t> : bytes == 4 ? write_images<uint32_t> : write_images<uint16_t>;
  write(s, pixels.data<uint8_t>(), address(table), draws ? draws.data<int32_t>() : nullptr, address(y));
}

}  // namespace mica
