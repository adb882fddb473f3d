#include "mica/data/image_sets.h"
#include <cstring>
#include "mica/core/kernels.h"
#include "mica/data/digits_internal.h"
#include "mica/data/idx.h"
#include "mica/data/idx_files.h"

namespace mica {
namespace {

// One part of a set, as read; `name` is the file of its images.
struct Part {
  std::string name;
  Tensor pixels, labels;
};

Part part(IdxArray images, const IdxArray& labels, const std::string& name, const std::string& labels_name) {
  if (images.type != IdxType::u8 || (images.shape.size() != 3 && images.shape.size() != 4))
    throw IoError(name + " holds " + to_string(images.type, images.shape) + "; images are u8 [n, h, w] or [n, h, w, c]");
  if (labels.shape.size() != 1 || labels.type == IdxType::f32 || labels.type == IdxType::f64)
    throw IoError(labels_name + " holds " + to_string(labels.type, labels.shape) + "; labels are integers [n]");
  if (labels.shape[0] != images.shape[0])
    throw IoError(labels_name + " holds " + std::to_string(labels.shape[0]) + " labels, " + name + " " + std::to_string(images.shape[0]) + " images");

  const Tensor numbers = empty({labels.shape[0]}, {i64});
  const auto convert = [&]<class T>(T value) {
    for (int64_t i = 0; i < labels.shape[0]; ++i) {
      std::memcpy(&value, labels.bytes.data() + size_t(i) * sizeof(T), sizeof(T));
      output<int64_t>(numbers)[i] = value;
    }
  };
  if (labels.type == IdxType::u8) convert(uint8_t());
  else if (labels.type == IdxType::i8) convert(int8_t());
  else if (labels.type == IdxType::i16) convert(int16_t());
  else convert(int32_t());

  const auto keeper = std::make_shared<IdxArray>(std::move(images));
  return {name, borrow(static_cast<void*>(keeper->bytes.data()), Shape(std::span<const int64_t>(keeper->shape)), {u8}, keeper), numbers};
}
Part part(const IdxFiles::Part& files) {
  return part(read_idx(files.images), read_idx(files.labels), files.images.string(), files.labels.string());
}

// Without a mean in `images`, the training part's own mean and standard deviation normalise all.
ImageSets sets(const Part& train, const Part* validation, const Part& test, const ImageSetOptions& options, ImageOptions images) {
  const auto dataset = [&](const Part& p) {
    try { return ImageDataset(p.pixels, p.labels, images); }
    catch (const Error& e) { throw IoError(p.name + ": " + e.what()); }
  };
  const int64_t n = train.labels.size(), held_out = validation ? 0 : options.validation;
  if (held_out < 0 || held_out > n)
    throw Error("validation is " + std::to_string(options.validation) + "; " + train.name + " has " + std::to_string(n) + " images");
  auto [first, last] = dataset(train).split(n - held_out);
  const ChannelStatistics by = images.mean.empty() ? first.statistics() : ChannelStatistics{images.mean, images.std};
  images = first.normalised(by).options();  // the training part's classes, mean and standard deviation hold for all
  return {first.normalised(by), validation ? dataset(*validation) : last.normalised(by), dataset(test)};
}

ImageSets sets(const IdxFiles& files, const ImageSetOptions& options, ImageOptions images) {
  const bool validated = !files.validation.images.empty();
  const Part validation = validated ? part(files.validation) : Part();
  return sets(part(files.train), validated ? &validation : nullptr, part(files.test), options, std::move(images));
}

}  // namespace

ImageSets digits() {
  const detail::DigitsFiles files = detail::digits_files();
  const auto read = [](const detail::DigitsPart& p) { return part(parse_idx(p.images), parse_idx(p.labels), "digits", "digits' labels"); };
  const Part validation = read(files.validation);
  return sets(read(files.train), &validation, read(files.test), {}, {.max_value = 16});
}
ImageSets mnist(const std::filesystem::path& folder, ImageSetOptions options) {
  return sets(find_mnist(folder), options, {.mean = {0.1307}, .std = {0.3081}});
}
ImageSets fashion_mnist(const std::filesystem::path& folder, ImageSetOptions options) {
  return sets(find_fashion_mnist(folder), options, {.classes = {"T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"},
                                                    .mean = {0.2860}, .std = {0.3530}});
}
ImageSets image_folder_idx(const std::filesystem::path& folder, ImageSetOptions options) {
  return sets(find_idx_files(folder), options, {});
}

}  // namespace mica
