#include "mica/data/images.h"
#include <gmock/gmock.h>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include "mica/core/philox.h"
#include "mica/data/batches.h"

namespace mica {
namespace {

using testing::ElementsAre;

std::string error_of(const std::function<void()>& f) {
  try { f(); } catch (const Error& e) { return e.what(); }
  return "no error";
}
std::vector<uint8_t> noise(int64_t n) {
  std::vector<uint8_t> bytes(static_cast<size_t>(n));
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = uint8_t(philox(4, 5, i).word[1]);
  return bytes;
}
ImageDataset some(int64_t n, int64_t h, int64_t w, int64_t c, ImageOptions options = {}) {
  std::vector<int64_t> labels(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) labels[size_t(i)] = i * i % 7;
  return ImageDataset(from(noise(n * h * w * c), {n, h, w, c}), from(labels), std::move(options));
}

// The description in data/augment.h, done step by step on whole images: moved, bordered, cut, mirrored.
std::vector<int> naive(const Tensor& pixels, const AugmentDraw& d, int border) {  // u8 [h, w, c] -> [c, h, w]
  const int h = int(pixels.size(0)), w = int(pixels.size(1)), c = int(pixels.size(2));
  const std::vector<uint8_t> p = pixels.to_vector<uint8_t>();
  std::vector<int> result;
  for (int k = 0; k < c; ++k) {
    std::vector<std::vector<int>> moved(h, std::vector<int>(w)), bordered(h + 2 * border, std::vector<int>(w + 2 * border, 0));
    for (int y = 0; y < h; ++y)
      for (int x = 0; x < w; ++x) moved[y][x] = p[size_t((std::min(std::max(y + d.shift_y, 0), h - 1) * w + std::min(std::max(x + d.shift_x, 0), w - 1)) * c + k)];
    for (int y = 0; y < h; ++y)
      for (int x = 0; x < w; ++x) bordered[y + border][x + border] = moved[y][x];
    for (int y = 0; y < h; ++y) {
      std::vector<int> cut(bordered[y + border + d.crop_y].begin() + border + d.crop_x, bordered[y + border + d.crop_y].begin() + border + d.crop_x + w);
      if (d.flip) std::reverse(cut.begin(), cut.end());
      result.insert(result.end(), cut.begin(), cut.end());
    }
  }
  return result;
}

TEST(ImageDataset, AugmentsAsANaiveProgramDoes) {
  for (const auto& [h, w, c] : {std::tuple{5, 7, 1}, {6, 4, 3}, {3, 3, 2}, {1, 1, 4}})
    for (const Augment augment : {Augment{}, Augment{.crop_padding = 2}, Augment{.flip = true}, Augment{.shift = 1}, Augment{3, true, 2}, Augment{9, true, 11}}) {
      const ImageDataset data = some(60, h, w, c, {.mean = std::vector<double>(size_t(c), 0), .std = std::vector<double>(size_t(c), 1), .max_value = 1});
      int64_t row = 0;
      for (auto [images, labels] : batches(data, {.size = 25, .seed = 8, .epoch = 6, .augment = augment}))
        for (int64_t i = 0; i < images.size(0); ++i, ++row) {
          const std::vector<int> expected = naive(data.pixels(row), draw(augment, 8, 6, row), augment.crop_padding);
          EXPECT_EQ(images[i].to_vector<int>(), expected) << h << 'x' << w << 'x' << c << " row " << row;
        }
      EXPECT_EQ(row, 60);
    }
}

TEST(ImageDataset, NormalisesEachChannel) {
  const ImageDataset data = some(9, 4, 5, 3, {.mean = {0.1, 0.5, 0.9}, .std = {0.2, 1, 3}, .max_value = 200});
  const auto [images, labels] = data.batch(std::vector<int64_t>{7, 2});
  EXPECT_EQ(describe(images) + describe(labels), "f32[2, 3, 4, 5] on cpui64[2] on cpu");
  EXPECT_TRUE(images.has_layout(Layout::channels_last));
  EXPECT_THAT(labels.to_vector<int64_t>(), ElementsAre(0, 4));
  const std::vector<float> x = images.to_vector<float>();
  const std::vector<uint8_t> p = data.pixels(2).to_vector<uint8_t>();
  const double mean[] = {0.1, 0.5, 0.9}, std[] = {0.2, 1, 3};
  for (int k = 0; k < 3; ++k)
    for (int i = 0; i < 20; ++i) EXPECT_EQ(x[size_t(60 + k * 20 + i)], float((p[size_t(3 * i + k)] / 200.0 - mean[k]) / std[k]));
}

TEST(ImageDataset, NormalisesByItsOwnStatisticsWhereNoneAreGiven) {
  const ImageDataset data = some(50, 6, 5, 2);
  const auto [images, labels] = data.batch(shuffled_rows(50, 1));
  for (int k = 0; k < 2; ++k) {
    double sum = 0, squares = 0;
    for (int i = 0; i < 50; ++i)
      for (const float v : images[i][k].to_vector<float>()) sum += v, squares += double(v) * v;
    EXPECT_NEAR(sum / 1500, 0, 1e-6);
    EXPECT_NEAR(squares / 1500, 1, 1e-6);
  }
  const ImageDataset grey(full({2, 3, 3}, 255, {u8}), zeros({2}, {i64}));  // constant: its deviation counts as 1
  EXPECT_THAT(grey.options().mean, ElementsAre(1));
  EXPECT_THAT(grey.options().std, ElementsAre(1));
  EXPECT_EQ(std::get<0>(grey.get(1)).to_vector<float>(), std::vector<float>(9, 0));
  const auto [normalised, label] = grey.normalised({{0.5}, {0.25}}).get(0);
  EXPECT_EQ(normalised.to_vector<float>(), std::vector<float>(9, 2));
}

TEST(ImageDataset, GivesSingleExamples) {
  const ImageDataset data = some(9, 4, 5, 3);
  const auto [image, label] = data.get(5);
  EXPECT_EQ(image.shape(), (Shape{3, 4, 5}));
  EXPECT_EQ(label, 4);
  EXPECT_EQ(image.to_vector<float>(), std::get<0>(data.batch(std::vector<int64_t>{5}))[0].to_vector<float>());
  EXPECT_EQ(data.pixels(5).shape(), (Shape{4, 5, 3}));
  EXPECT_THAT(data.classes(), ElementsAre("0", "1", "2", "3", "4"));
}

TEST(ImageDataset, HasSubsetsThatShareItsPixels) {
  const ImageDataset data = some(9, 4, 5, 1);
  const ImageDataset part = data.subset(std::vector<int64_t>{8, 0, 3, 3}), again = part.subset(std::vector<int64_t>{2, 0});
  EXPECT_EQ(part.size(), 4);
  EXPECT_THAT(part.labels().to_vector<int64_t>(), ElementsAre(1, 0, 2, 2));
  EXPECT_EQ(again.pixels(0).data<uint8_t>(), data.pixels(3).data<uint8_t>());
  EXPECT_EQ(again.pixels(1).data<uint8_t>(), data.pixels(8).data<uint8_t>());
  EXPECT_EQ(std::get<1>(again.get(1)), 1);
  EXPECT_EQ(part.options().mean, data.options().mean);
  const auto [first, rest] = data.split(4);
  EXPECT_EQ(first.size(), 4);
  EXPECT_EQ(rest.size(), 5);
  EXPECT_EQ(rest.pixels(0).data<uint8_t>(), data.pixels(4).data<uint8_t>());
  EXPECT_EQ(data.split(0).first.size(), 0);
  for (auto [images, labels] : batches(data.split(0).first, {})) FAIL();
}

TEST(ImageDataset, RefusesWhatDoesNotFit) {
  const Tensor pixels = zeros({4, 2, 2}, {u8}), labels = zeros({4}, {i64});
  const auto error = [](const Tensor& p, const Tensor& l, ImageOptions o = {}) { return error_of([&] { ImageDataset(p, l, o); }); };
  EXPECT_EQ(error({}, labels), "ImageDataset: the pixels are undefined");
  EXPECT_EQ(error(zeros({4, 2, 2}), labels), "ImageDataset: pixels are f32[4, 2, 2] on cpu; they must be u8 [n, h, w] or [n, h, w, c], row-major, on cpu");
  EXPECT_EQ(error(pixels, zeros({4})), "ImageDataset: labels are f32[4] on cpu; they must be i64 [n], row-major, on cpu");
  EXPECT_EQ(error(pixels, zeros({5}, {i64})), "ImageDataset: 4 images and 5 labels");
  EXPECT_EQ(error(pixels, from<int64_t>({0, 1, 3, 2}), {.classes = {"a", "b", "c"}}), "ImageDataset: the label of image 2 is 3; there are 3 classes");
  EXPECT_EQ(error(pixels, from<int64_t>({0, -1, 3, 2})), "ImageDataset: the label of image 1 is -1; there are 4 classes");
  EXPECT_EQ(error(zeros({4, 0, 2}, {u8}), labels), "ImageDataset: images of [0, 2, 1] have no pixels");
  EXPECT_EQ(error(pixels, labels, {.max_value = 0}), "ImageDataset: max_value is 0.000000");
  EXPECT_EQ(error(pixels, labels, {.mean = {0}}), "ImageDataset: mean and std are given both, or none");
  EXPECT_EQ(error(pixels, labels, {.mean = {0, 0}, .std = {1, 1}}), "ImageDataset: 2 means and 2 standard deviations for 1 channels");
  EXPECT_EQ(error(pixels, labels, {.mean = {0}, .std = {-1}}), "ImageDataset: channel 0 has mean 0.000000 and standard deviation -1.000000");
  const ImageDataset data(pixels, labels);
  EXPECT_EQ(error_of([&] { data.get(4); }), "ImageDataset: there is no image 4; the set has 4");
  EXPECT_EQ(error_of([&] { data.subset(std::vector<int64_t>{0, -1}); }), "ImageDataset: there is no image -1; the set has 4");
  EXPECT_EQ(error_of([&] { data.split(5); }), "ImageDataset: split after 5 of 4 images");
}

// Computed by a Philox written in Python.
TEST(AugmentDraw, IsFixedForever) {
  const Augment augment{.crop_padding = 4, .flip = true, .shift = 2};
  EXPECT_EQ(draw(augment, 7, 3, 0), (AugmentDraw{4, 0, 2, -1, false}));
  EXPECT_EQ(draw(augment, 7, 3, 1), (AugmentDraw{-2, -2, -1, 1, true}));
  EXPECT_EQ(draw(augment, 7, 3, 2), (AugmentDraw{3, -3, 2, 2, true}));
  EXPECT_EQ(draw(augment, 7, 3, 1000), (AugmentDraw{-3, -4, -2, 0, true}));
}

TEST(AugmentDraw, IsUniform) {
  std::map<int, int> crops, shifts;
  int flips = 0;
  for (int64_t row = 0; row < 10000; ++row) {
    const AugmentDraw d = draw({.crop_padding = 2, .flip = true, .shift = 1}, 1, 0, row);
    ++crops[d.crop_y];
    ++shifts[d.shift_x];
    flips += d.flip;
  }
  EXPECT_EQ(crops.size(), 5u);
  EXPECT_EQ(shifts.size(), 3u);
  for (auto& [value, count] : crops) EXPECT_NEAR(count, 2000, 200) << value;  // five standard deviations
  for (auto& [value, count] : shifts) EXPECT_NEAR(count, 3333, 236) << value;
  EXPECT_NEAR(flips, 5000, 250);
}

}  // namespace
}  // namespace mica
