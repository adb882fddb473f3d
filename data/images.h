#pragma once
#include <string>
#include "mica/data/dataset.h"

namespace mica {

// Mean and standard deviation of each channel, pixels divided by max_value.
struct ChannelStatistics {
  std::vector<double> mean, std;
};

struct ImageOptions {
  std::vector<std::string> classes = {};  // their names; by default the numbers from 0 to the largest label
  std::vector<double> mean = {}, std = {};  // of each channel, in units of max_value; by default those of the images themselves
  double max_value = 255;                 // the value of a pixel at full intensity
};

// Images of one size with one label each. Pixels are kept as bytes; a batch is {f32 [n, c, h, w] in channels-last memory, i64 [n]}, its pixels
// (p / max_value - mean[c]) / std[c]. Copies and subsets share the pixels. Augmentation (data/augment.h) happens in the same pass, on the device where
// a batch goes: bytes are copied there (core/ops/augment.h).
class ImageDataset {
 public:
  // pixels: u8 [n, h, w] or [n, h, w, c], row-major; labels: i64 [n], from 0. Throws Error where they, or the options, do not fit together.
  ImageDataset(const Tensor& pixels, const Tensor& labels, ImageOptions options = {});

  int64_t size() const { return labels_.size(); }
  int64_t channels() const { return pixels_.size(3); }
  int64_t height() const { return pixels_.size(1); }
  int64_t width() const { return pixels_.size(2); }
  const std::vector<std::string>& classes() const { return options_.classes; }
  const ImageOptions& options() const { return options_; }
  const Tensor& labels() const { return labels_; }         // i64 [size()]
  Tensor pixels(int64_t i) const;                          // u8 [h, w, c], a view; for pictures. Throws Error if i is not a row
  ChannelStatistics statistics() const;                    // of this set's pixels, exact

  std::tuple<Tensor, int64_t> get(int64_t i) const;        // f32 [c, h, w], and the label. Throws Error if i is not a row
  std::tuple<Tensor, Tensor> batch(std::span<const int64_t> rows, const BatchContext& context = {}) const;

  // batch() in two parts (data/dataset.h): {u8 [n, c, h, w] in channels-last memory, labels, draws: i32 [n, 5], undefined without augmentation}, and
  // {images, labels} of them.
  struct Finish {
    Tensor table;
    std::tuple<Tensor, Tensor> operator()(const Tensor& pixels, const Tensor& labels, const Tensor& draws) const;
  };
  std::tuple<Tensor, Tensor, Tensor> load(std::span<const int64_t> rows, const BatchContext& context) const;
  Finish finish(Device device, DType dtype) const;

  ImageDataset subset(std::span<const int64_t> rows) const;             // these examples, in this order; throws Error for a row that is not there
  std::pair<ImageDataset, ImageDataset> split(int64_t count) const;     // the first `count` examples, and the others
  ImageDataset normalised(const ChannelStatistics& by) const;           // these images with another mean and std; a std of 0 counts as 1

 private:
  const uint8_t* row(int64_t i) const;
  void normalise(const ChannelStatistics& by);
  Tensor pixels_, labels_, rows_;                          // rows_: i64, where each example lies in pixels_; undefined: in order
  ImageOptions options_;
  Tensor table_;                                           // f64 [c, 256]: the normalised value of each byte
};

}  // namespace mica
