#include "mica/data/images.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include "mica/core/ops/augment.h"
#include "mica/core/ops/pointwise.h"
#include "mica/cpu/parallel.h"

namespace mica {
namespace {

std::string numbers(int64_t a, const char* between, int64_t b) { return std::to_string(a) + between + std::to_string(b); }

}  // namespace

ImageDataset::ImageDataset(const Tensor& pixels, const Tensor& labels, ImageOptions options) : pixels_(pixels), labels_(labels), options_(std::move(options)) {
  if (!pixels || !labels) throw Error("ImageDataset: the " + std::string(pixels ? "labels are" : "pixels are") + " undefined");
  if (pixels.dtype() != u8 || (pixels.rank() != 3 && pixels.rank() != 4) || !pixels.is_contiguous() || pixels.device() != cpu)
    throw Error("ImageDataset: pixels are " + describe(pixels) + "; they must be u8 [n, h, w] or [n, h, w, c], row-major, on cpu");
  if (labels.dtype() != i64 || labels.rank() != 1 || !labels.is_contiguous() || labels.device() != cpu)
    throw Error("ImageDataset: labels are " + describe(labels) + "; they must be i64 [n], row-major, on cpu");
  if (labels.size() != pixels.size(0)) throw Error("ImageDataset: " + numbers(pixels.size(0), " images and ", labels.size()) + " labels");
  if (pixels.rank() == 3) {
    Shape shape = pixels.shape();
    shape.push_back(1);
    pixels_ = borrow(const_cast<uint8_t*>(pixels.data<uint8_t>()), shape, {u8}, std::make_shared<Tensor>(pixels));
  }
  if (const int64_t c = channels(); height() < 1 || width() < 1 || c < 1) throw Error("ImageDataset: images of " + to_string(Shape{height(), width(), c}) + " have no pixels");
  if (!(options_.max_value > 0)) throw Error("ImageDataset: max_value is " + std::to_string(options_.max_value));

  const std::span<const int64_t> of(labels.data<int64_t>(), size_t(size()));
  if (options_.classes.empty())
    for (int64_t i = 0, n = of.empty() ? 0 : std::clamp<int64_t>(*std::max_element(of.begin(), of.end()) + 1, 0, 1 << 20); i < n; ++i)
      options_.classes.push_back(std::to_string(i));
  for (size_t i = 0; i < of.size(); ++i)
    if (of[i] < 0 || of[i] >= int64_t(options_.classes.size()))
      throw Error("ImageDataset: the label of image " + numbers(int64_t(i), " is ", of[i]) + "; there are " + std::to_string(options_.classes.size()) + " classes");

  if (options_.mean.empty() != options_.std.empty()) throw Error("ImageDataset: mean and std are given both, or none");
  normalise(options_.mean.empty() ? statistics() : ChannelStatistics{options_.mean, options_.std});
}

void ImageDataset::normalise(const ChannelStatistics& by) {
  const int64_t c = channels();
  if (int64_t(by.mean.size()) != c || int64_t(by.std.size()) != c)
    throw Error("ImageDataset: " + numbers(int64_t(by.mean.size()), " means and ", int64_t(by.std.size())) + " standard deviations for " + std::to_string(c) + " channels");
  options_.mean = by.mean;
  options_.std = by.std;
  std::replace(options_.std.begin(), options_.std.end(), 0.0, 1.0);  // a constant channel
  for (int64_t k = 0; k < c; ++k) {
    const double mean = options_.mean[size_t(k)], std = options_.std[size_t(k)];
    if (!std::isfinite(mean) || !std::isfinite(std) || !(std > 0))
      throw Error("ImageDataset: channel " + std::to_string(k) + " has mean " + std::to_string(mean) + " and standard deviation " + std::to_string(std));
  }
  table_ = normalisation_table(options_.mean, options_.std, options_.max_value, {f64});
}
ImageDataset ImageDataset::normalised(const ChannelStatistics& by) const {
  ImageDataset other = *this;
  other.normalise(by);
  return other;
}

const uint8_t* ImageDataset::row(int64_t i) const {
  if (i < 0 || i >= size()) throw Error("ImageDataset: there is no image " + numbers(i, "; the set has ", size()));
  return pixels_.data<uint8_t>() + (rows_ ? rows_.data<int64_t>()[i] : i) * height() * width() * channels();
}
Tensor ImageDataset::pixels(int64_t i) const {
  return borrow(const_cast<uint8_t*>(row(i)), {height(), width(), channels()}, {u8}, std::make_shared<Tensor>(pixels_));
}

ChannelStatistics ImageDataset::statistics() const {
  const int64_t c = channels(), values = height() * width() * c;
  std::vector<std::array<int64_t, 256>> histogram(static_cast<size_t>(c));
  for (int64_t i = 0; i < size(); ++i) {
    const uint8_t* p = row(i);
    for (int64_t j = 0; j < values; j += c)
      for (int64_t k = 0; k < c; ++k) ++histogram[size_t(k)][p[j + k]];
  }
  ChannelStatistics result;
  for (const auto& counts : histogram) {
    const double n = std::max(1.0, double(size()) * double(height() * width()));
    double sum = 0, squares = 0;
    for (int v = 0; v < 256; ++v) sum += double(counts[size_t(v)]) * v;
    for (int v = 0; v < 256; ++v) squares += double(counts[size_t(v)]) * (v - sum / n) * (v - sum / n);
    result.mean.push_back(sum / n / options_.max_value);
    result.std.push_back(std::sqrt(squares / n) / options_.max_value);
  }
  return result;
}

std::tuple<Tensor, Tensor, Tensor> ImageDataset::load(std::span<const int64_t> rows, const BatchContext& context) const {
  const int64_t n = int64_t(rows.size()), c = channels(), h = height(), w = width(), bytes = c * h * w;
  Tensor pixels = empty({n, c, h, w}, {u8}, Layout::channels_last), labels = empty({n}, {i64}), draws;
  uint8_t* const to = pixels.data_mut<uint8_t>();
  int64_t* const label = labels.data_mut<int64_t>();
  int32_t* drawn = nullptr;
  if (context.augment != Augment{}) {
    draws = empty({n, 5}, {i32});
    drawn = draws.data_mut<int32_t>();
  }
  parallel_for(n, std::max<int64_t>(1, 8 * pointwise_grain / bytes), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = rows[size_t(i)];
      std::memcpy(to + i * bytes, row(at), size_t(bytes));
      label[i] = labels_.data<int64_t>()[at];
      if (!drawn) continue;
      const AugmentDraw d = draw(context.augment, context.seed, context.epoch, at);
      const int32_t numbers[] = {d.crop_y, d.crop_x, d.shift_y, d.shift_x, d.flip};
      std::copy(std::begin(numbers), std::end(numbers), drawn + 5 * i);
    }
  });
  return {pixels, labels, draws};
}
ImageDataset::Finish ImageDataset::finish(Device device, DType dtype) const {
  const NoGrad no_grad;
  return {to(cast(table_, dtype), device)};
}
std::tuple<Tensor, Tensor> ImageDataset::Finish::operator()(const Tensor& pixels, const Tensor& labels, const Tensor& draws) const {
  return {augment(pixels, table, draws), labels};
}
std::tuple<Tensor, Tensor> ImageDataset::batch(std::span<const int64_t> rows, const BatchContext& context) const {
  return std::apply(finish(cpu, f32), load(rows, context));
}
std::tuple<Tensor, int64_t> ImageDataset::get(int64_t i) const {
  const auto [images, labels] = batch(std::span(&i, 1));
  return {images[0], labels.item_i64()};
}

ImageDataset ImageDataset::subset(std::span<const int64_t> rows) const {
  ImageDataset part = *this;
  part.rows_ = empty({int64_t(rows.size())}, {i64});
  part.labels_ = empty({int64_t(rows.size())}, {i64});
  int64_t *at = part.rows_.data_mut<int64_t>(), *label = part.labels_.data_mut<int64_t>();
  for (const int64_t i : rows) {
    row(i);  // throws where there is none
    *at++ = rows_ ? rows_.data<int64_t>()[i] : i;
    *label++ = labels_.data<int64_t>()[i];
  }
  return part;
}
std::pair<ImageDataset, ImageDataset> ImageDataset::split(int64_t count) const {
  if (count < 0 || count > size()) throw Error("ImageDataset: split after " + numbers(count, " of ", size()) + " images");
  std::vector<int64_t> all(static_cast<size_t>(size()));
  std::iota(all.begin(), all.end(), 0);
  return {subset(std::span(all).first(size_t(count))), subset(std::span(all).subspan(size_t(count)))};
}

}  // namespace mica
