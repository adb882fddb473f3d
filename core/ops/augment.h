#pragma once
#include <vector>
#include "mica/core/contract.h"
#include "mica/core/ops/pair.h"

namespace mica {
namespace op {
struct Augment {
  Pair size = 0;  // of the result; 0: of the images
  static constexpr auto name = "augment";
  static constexpr Args<3> inputs{{{"pixels", no_gradient | channels_last}, {"table", no_gradient}, {"draws", no_gradient | optional}}};
  static constexpr Args<1> outputs{{{"y", channels_last}}};
  Spec out(const Tensor& pixels, const Tensor& table, const Tensor& draws) const;
  void forward(const Cpu&, const Tensor& pixels, const Tensor& table, const Tensor& draws, Tensor& y) const;
  void forward(const Cuda&, const Tensor& pixels, const Tensor& table, const Tensor& draws, Tensor& y) const;
};
}  // namespace op

// Images cut, moved, mirrored and normalised in one pass over their bytes: [n, c, height, width] in the table's dtype, channels-last. pixels: u8
// [n, c, h, w]; table: any float [c, 256], what becomes of each byte of each channel; draws: i32 [n, 5], any numbers, for each image crop_y, crop_x,
// shift_y, shift_x and whether it is mirrored (not 0). Pixel (y, x) of the result, before mirroring, is what becomes of 0 where (v, u) = (y + crop_y,
// x + crop_x) lies outside the image, and of pixel (v + shift_y, u + shift_x), clamped to the image's edge, elsewhere. Without draws they are 0.
// No gradient; the same bits on every device. Throws Error for other dtypes and shapes.
Tensor augment(const Tensor& pixels, const Tensor& table, const Tensor& draws = {}, op::Augment options = {});

// The table of (byte / max_value - mean) / std for each channel, [c, 256] in a float dtype: computed in double, then rounded (in 16 bits, from f32).
// Throws Error unless there are as many means as standard deviations.
Tensor normalisation_table(const std::vector<double>& mean, const std::vector<double>& std, double max_value = 255, TensorOptions options = {});

}  // namespace mica
