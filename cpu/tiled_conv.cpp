#include "mica/cpu/tiled_conv.h"
#include "mica/cpu/isa.h"
#include "mica/cpu/tiled.h"

namespace mica::tiled {
namespace {
// The pixels that a kernel sweeps over. Pixel (i, j) of the result reads pixels (i stride - padding + k dilation, ...) of x; padding may be
// negative. Of each pixel `depth` channels are read, which lie `step` apart from pixel to pixel.
struct Sweep {
  const float* x;
  int64_t h, w, depth, step, out_h, out_w, kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w;

  struct Corner { int64_t row, column; const float* image; };
  void corners(int64_t begin, int64_t end, Corner* to) const {  // where the kernel's first tap lies
    int64_t n = begin / (out_h * out_w), i = begin / out_w % out_h, j = begin % out_w;
    for (int64_t p = begin; p < end; ++p) {
      *to++ = {i * stride_h - padding_h, j * stride_w - padding_w, x + n * h * w * step};
      if (++j == out_w) { j = 0; if (++i == out_h) { i = 0; ++n; } }
    }
  }
};

// One run a tap. Taps outside the image read zeros.
struct Taps {
  Sweep s;
  const float* zeros;
  void addresses(int64_t begin, int64_t end, const Terms& terms, float*, const float** table, int64_t table_step) const {
    Sweep::Corner corner[block_rows];
    s.corners(begin, end, corner);
    for (int64_t run = terms.first; run < terms.last; ++run, table += table_step) {
      const int64_t row = run / s.kernel_w * s.dilation_h, column = run % s.kernel_w * s.dilation_w;
      for (int64_t p = 0; p < end - begin; ++p) {
        const int64_t i = corner[p].row + row, j = corner[p].column + column;
        const bool inside = uint64_t(i) < uint64_t(s.h) && uint64_t(j) < uint64_t(s.w);
        table[p] = inside ? corner[p].image + (i * s.w + j) * s.step : zeros;
      }
    }
  }
};

// One run a row of the kernel, whose taps lie behind each other in memory: for few channels. x is a copy with its padding around it.
struct KernelRows {
  Sweep s;
  const float* x;
  int64_t h, w;  // of the copy
  void addresses(int64_t begin, int64_t end, const Terms& terms, float*, const float** table, int64_t table_step) const {
    const int64_t to_row = s.dilation_h * w * s.depth;
    int64_t n = begin / (s.out_h * s.out_w), i = begin / s.out_w % s.out_h, j = begin % s.out_w;
    for (int64_t p = 0; p < end - begin; ++p) {
      const float* at = x + ((n * h + i * s.stride_h) * w + j * s.stride_w) * s.depth + terms.first * to_row;
      for (int64_t run = 0; run < terms.last - terms.first; ++run, at += to_row) table[run * table_step + p] = at;
      if (++j == s.out_w) { j = 0; if (++i == s.out_h) { i = 0; ++n; } }
    }
  }
};
void copy_padded(const Sweep& s, int64_t images, int64_t h, int64_t w, float* to) {
  const int64_t first = std::clamp<int64_t>(s.padding_w, 0, w), last = std::clamp<int64_t>(s.w + s.padding_w, first, w);
  parallel_for(images * h, std::max<int64_t>(1, pointwise_grain / (w * s.depth)), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      float* row = to + r * w * s.depth;
      const int64_t i = r % h - s.padding_h;
      if (i < 0 || i >= s.h) { std::fill_n(row, w * s.depth, 0.0f); continue; }
      std::fill_n(row, first * s.depth, 0.0f);
      std::copy_n(s.x + ((r / h * s.h + i) * s.w + first - s.padding_w) * s.depth, (last - first) * s.depth, row + first * s.depth);
      std::fill_n(row + last * s.depth, (w - last) * s.depth, 0.0f);
    }
  });
}

constexpr int64_t few_channels = 15;

// y[pixel, columns] = the sum over taps and depth; `at` finds the weights of tap (k, l): element (channel of x, column) by the strides.
template <class At> void sweep(const Sweep& s, int64_t pixels, int64_t columns, const At& at, int64_t row, int64_t column, const float* bias, float* y, int64_t y_step) {
  if (s.depth == s.step && s.depth <= few_channels && s.dilation_w == 1 && (row == 1 || s.kernel_w == 1)) {
    const int64_t h = (s.out_h - 1) * s.stride_h + (s.kernel_h - 1) * s.dilation_h + 1, w = (s.out_w - 1) * s.stride_w + s.kernel_w;
    const int64_t images = pixels / (s.out_h * s.out_w);
    const Scratch padded(size_t(images * h * w * s.depth) * sizeof(float));
    copy_padded(s, images, h, w, padded.as<float>());
    product({pixels, columns, s.kernel_h, s.kernel_w * s.depth, 0}, KernelRows{s, padded.as<float>(), h, w},
            Panels{[&](int64_t run) { return at(run, int64_t(0)); }, row, column}, y, y_step, bias, false);
    return;
  }
  const Scratch zeros(size_t(s.depth) * sizeof(float));
  std::fill_n(zeros.as<float>(), s.depth, 0.0f);
  product({pixels, columns, s.kernel_h * s.kernel_w, s.depth, 0}, Taps{s, zeros.as<float>()},
          Panels{[&](int64_t run) { return at(run / s.kernel_w, run % s.kernel_w); }, row, column}, y, y_step, bias, false);
}
}  // namespace

// Measured with AVX2: 3x3 kernels of 32 to 512 channels run 4 to 22 % faster here than in oneDNN 2.6, whose tiles of 3 pixels read the weights
// twice as often; with fewer channels or pixels finding addresses and packing weights cost more than that. With AVX-512 oneDNN is at the peak, but
// takes for few channels the time of 16.
namespace {
bool pays(int64_t pixels, int64_t depth, int64_t columns) { return isa() != Isa::v4 && pixels >= 256 && depth >= 32 && columns >= 8; }
}  // namespace
bool forward_pays(const onednn::Conv& s) {
  const int64_t pixels = s.n * s.out_h * s.out_w;
  if (pays(pixels, s.c / s.groups, s.out / s.groups)) return true;
  if (s.groups > 1 || s.stride_w > 1 || s.dilation_w > 1 || s.c > few_channels) return false;
  if (isa() == Isa::v4) return pixels >= 256 && s.out <= 8 && s.kernel_w * s.c >= 5;
  return s.c >= 4 && s.kernel_w >= 3 && pays(pixels, 32, s.out);
}
bool scattered_data_pays(const onednn::Conv& s) {
  return isa() == Isa::v4 && s.groups == 1 && s.dilation_w == 1 && s.kernel_w > 1 && s.c <= 8 && s.kernel_w * s.c <= 32 && s.out >= 8;
}
bool backward_data_pays(const onednn::Conv& s) {
  return s.stride_h == 1 && s.stride_w == 1 && pays(s.n * s.h * s.w, s.out / s.groups, s.c / s.groups);
}

void conv_forward(const onednn::Conv& s, const float* x, const float* w, const float* bias, float* y) {
  const int64_t og = s.out / s.groups, ig = s.c / s.groups, taps = s.kernel_h * s.kernel_w;
  for (int64_t g = 0; g < s.groups; ++g) {
    const float* weights = w + g * og * taps * ig;
    sweep({x + g * ig, s.h, s.w, ig, s.c, s.out_h, s.out_w, s.kernel_h, s.kernel_w, s.stride_h, s.stride_w, s.padding_h, s.padding_w, s.dilation_h, s.dilation_w},
          s.n * s.out_h * s.out_w, og, [&](int64_t k, int64_t l) { return weights + (k * s.kernel_w + l) * ig; }, 1, taps * ig, bias ? bias + g * og : nullptr,
          y + g * og, s.out);
  }
}

// The same sweep over dy with the kernel turned around: dx[i] = the sum over k of w[k] dy[i + padding - k dilation].
void conv_backward_data(const onednn::Conv& s, const float* dy, const float* w, float* dx) {
  const int64_t og = s.out / s.groups, ig = s.c / s.groups, taps = s.kernel_h * s.kernel_w;
  for (int64_t g = 0; g < s.groups; ++g) {
    const float* weights = w + g * og * taps * ig;
    sweep({dy + g * og, s.out_h, s.out_w, og, s.out, s.h, s.w, s.kernel_h, s.kernel_w, 1, 1, s.dilation_h * (s.kernel_h - 1) - s.padding_h,
           s.dilation_w * (s.kernel_w - 1) - s.padding_w, s.dilation_h, s.dilation_w},
          s.n * s.h * s.w, ig, [&](int64_t k, int64_t l) { return weights + ((s.kernel_h - 1 - k) * s.kernel_w + s.kernel_w - 1 - l) * ig; }, taps * ig, 1, nullptr,
          dx + g * ig, s.c);
  }
}

// A pixel of dy gives each row of the kernel a piece of dx, whose taps lie behind each other. Tiles take one pixel of several images: their
// pieces do not overlap. Sums are made in copies of the images with their padding around them.
void conv_backward_data_scattered(const onednn::Conv& s, const float* dy, const float* w, float* dx) {
  const TileTable& t = tiles();
  const int64_t length = s.kernel_w * s.c;
  const int columns = int(length), shape = t.shape(length), width = t.width[shape], together = t.rows[shape];
  const int64_t h = std::max((s.out_h - 1) * s.stride_h + (s.kernel_h - 1) * s.dilation_h + 1, s.h + s.padding_h);
  const int64_t wide = std::max((s.out_w - 1) * s.stride_w + s.kernel_w, s.w + s.padding_w), image = h * wide * s.c;
  const Scratch panels(size_t(s.kernel_h * s.out * width) * sizeof(float));
  for (int64_t k = 0; k < s.kernel_h; ++k) pack(w + k * length, s.kernel_h * length, 1, s.out, columns, width, panels.as<float>() + k * s.out * width);
  parallel_for((s.n + together - 1) / together, 1, [&](int64_t begin, int64_t end) {
    const Scratch copies(size_t(together * image) * sizeof(float));
    for (int64_t n = begin * together; n < std::min(s.n, end * together); n += together) {
      const int64_t images = std::min<int64_t>(together, s.n - n), pixels = s.out_h * s.out_w;
      std::fill_n(copies.as<float>(), images * image, 0.0f);
      for (int64_t p = 0; p < pixels; ++p) {
        const float* a[TileTable::most_rows];
        for (int64_t r = 0; r < images; ++r) a[r] = dy + ((n + r) * pixels + p) * s.out;
        for (int64_t k = 0; k < s.kernel_h; ++k) {
          float* c = copies.as<float>() + ((p / s.out_w * s.stride_h + k * s.dilation_h) * wide + p % s.out_w * s.stride_w) * s.c;
          t.tile[shape][images]({a, 0, 1, 0, s.out, panels.as<float>() + k * s.out * width, c, image, columns, nullptr, true});
        }
      }
      for (int64_t r = 0; r < images; ++r)
        for (int64_t i = 0; i < s.h; ++i)
          std::copy_n(copies.as<float>() + r * image + ((i + s.padding_h) * wide + s.padding_w) * s.c, s.w * s.c, dx + ((n + r) * s.h + i) * s.w * s.c);
    }
  });
}

}  // namespace mica::tiled
