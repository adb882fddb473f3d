#include "mica/core/ops/augment.h"
#include <algorithm>
#include "mica/core/op.h"

namespace mica {
Spec op::Augment::out(const Tensor& pixels, const Tensor& table, const Tensor& draws) const {
  if (pixels.dtype() != u8) throw Error(std::string("pixels must be u8, not ") + name_of(pixels.dtype()));
  if (pixels.rank() != 4) throw Error("pixels must be [n, c, h, w], not " + to_string(pixels.shape()));
  const int64_t n = pixels.size(0), c = pixels.size(1);
  if (!is_float(table.dtype())) throw Error(std::string("table must be a float tensor, not ") + name_of(table.dtype()));
  if (table.shape() != Shape{c, 256}) throw Error("table must be " + to_string(Shape{c, 256}) + ", a value for each byte of each channel, not " + to_string(table.shape()));
  if (draws && (draws.dtype() != i32 || draws.shape() != Shape{n, 5}))
    throw Error("draws must be i32" + to_string(Shape{n, 5}) + " (crop_y, crop_x, shift_y, shift_x and flip of each image), not " + name_of(draws.dtype()) + to_string(draws.shape()));
  if (size.h < 0 || size.w < 0) throw Error("size is " + to_string(Shape{size.h, size.w}) + "; it must not be negative");
  const int64_t out_w = size.w ? size.w : pixels.size(3);
  if (const int64_t line = c * std::max(out_w, pixels.size(3)); line > 1 << 22) throw Error("a line of " + std::to_string(line) + " bytes is too long; 2^22 is the most");
  return {{n, c, size.h ? size.h : pixels.size(2), out_w}, table.dtype()};
}

Tensor augment(const Tensor& pixels, const Tensor& table, const Tensor& draws, op::Augment options) { return apply(options, pixels, table, draws); }

Tensor normalisation_table(const std::vector<double>& mean, const std::vector<double>& std, double max_value, TensorOptions options) {
  if (mean.size() != std.size())
    throw Error("normalisation_table: " + std::to_string(mean.size()) + " means and " + std::to_string(std.size()) + " standard deviations");
  const Tensor table = empty({int64_t(mean.size()), 256}, {options.dtype});
  dispatch_float(options.dtype, [&]<class T>(T) {
    T* to = output<T>(table);
    for (size_t k = 0; k < mean.size(); ++k)
      for (int v = 0; v < 256; ++v) *to++ = T(Compute<T>((v / max_value - mean[k]) / std[k]));
  });
  return mica::to(table, options.device);
}

}  // namespace mica
