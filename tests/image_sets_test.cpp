#include "mica/data/image_sets.h"
#include <gmock/gmock.h>
#include <unistd.h>
#include <cstdlib>
#include <functional>
#include <numeric>
#include "mica/data/idx.h"
#include "mica/data/idx_files.h"

namespace mica {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

std::string error_of(const std::function<void()>& f) {
  try { f(); } catch (const Error& e) { return e.what(); }
  return "no error";
}

// A new folder with n training and 3 test images of 2 x 2, image i all of value i, label i % 3; removed at the end.
struct Folder {
  static inline int count = 0;
  fs::path path = fs::temp_directory_path() / ("mica_sets_test_" + std::to_string(::getpid()) + "_" + std::to_string(++count));
  explicit Folder(int n) {
    fs::create_directories(path);
    write("train", n);
    write("t10k", 3);
  }
  ~Folder() { fs::remove_all(path); }
  void write(const std::string& part, int n) const {
    IdxArray images{IdxType::u8, {n, 2, 2}, {}}, labels{IdxType::u8, {n}, {}};
    for (int i = 0; i < n; ++i) {
      images.bytes.insert(images.bytes.end(), 4, std::byte(i));
      labels.bytes.push_back(std::byte(i % 3));
    }
    write_idx(path / (part + "-images-idx3-ubyte.gz"), images);
    write_idx(path / (part + "-labels-idx1-ubyte"), labels);
  }
};

TEST(ImageSets, DigitsAreNormalisedByTheirTrainingPart) {
  const ImageSets sets = digits();
  EXPECT_EQ(sets.train.size(), 1079);
  EXPECT_EQ(sets.validation.size(), 359);
  EXPECT_EQ(sets.test.size(), 359);
  EXPECT_EQ(sets.train.height() * 100 + sets.train.width() * 10 + sets.train.channels(), 881);
  EXPECT_EQ(sets.test.classes().size(), 10u);
  std::vector<int64_t> all(1079);
  std::iota(all.begin(), all.end(), 0);
  const std::vector<float> x = std::get<0>(sets.train.batch(all)).to_vector<float>();
  double sum = 0, squares = 0;
  for (const float v : x) sum += v, squares += double(v) * v;
  EXPECT_NEAR(sum / double(x.size()), 0, 1e-6);
  EXPECT_NEAR(squares / double(x.size()), 1, 1e-6);
  EXPECT_EQ(*std::max_element(x.begin(), x.end()), float((1 - sets.train.options().mean[0]) / sets.train.options().std[0]));  // 16 is full intensity
  EXPECT_EQ(sets.test.options().mean, sets.train.options().mean);
  EXPECT_EQ(sets.validation.options().std, sets.train.options().std);
}

TEST(ImageSets, HoldOutTheEndOfTheTrainingFiles) {
  const Folder folder(10);
  const ImageSets sets = image_folder_idx(folder.path, {.validation = 4});
  EXPECT_EQ(sets.train.size(), 6);
  EXPECT_EQ(sets.test.size(), 3);
  EXPECT_THAT(sets.validation.labels().to_vector<int64_t>(), ElementsAre(0, 1, 2, 0));
  EXPECT_THAT(sets.validation.pixels(0).to_vector<int>(), ElementsAre(6, 6, 6, 6));
  EXPECT_NEAR(sets.train.options().mean[0], 2.5 / 255, 1e-12);  // of 0 ... 5
  EXPECT_EQ(sets.validation.options().mean, sets.train.options().mean);
  EXPECT_EQ(sets.test.options().mean, sets.train.options().mean);
  EXPECT_EQ(image_folder_idx(folder.path, {.validation = 0}).train.size(), 10);
  EXPECT_THAT(error_of([&] { image_folder_idx(folder.path, {.validation = 11}); }), HasSubstr("validation is 11; "));
  EXPECT_THAT(error_of([&] { image_folder_idx(folder.path); }), HasSubstr("-ubyte.gz has 10 images"));
}

TEST(ImageSets, TakeValidationFilesWhereTheyAre) {
  const Folder folder(10);
  folder.write("validation", 2);
  const ImageSets sets = image_folder_idx(folder.path);
  EXPECT_EQ(sets.train.size(), 10);
  EXPECT_EQ(sets.validation.size(), 2);
}

TEST(ImageSets, TakeColourAndOtherIntegersAsLabels) {
  const Folder folder(2);
  fs::remove(folder.path / "train-images-idx3-ubyte.gz");
  fs::remove(folder.path / "train-labels-idx1-ubyte");
  fs::remove(folder.path / "t10k-images-idx3-ubyte.gz");
  IdxArray colour{IdxType::u8, {2, 1, 2, 3}, std::vector<std::byte>(12, std::byte(7))};
  write_idx(folder.path / "train-images-idx4-ubyte", colour);
  colour.shape[0] = 3;
  colour.bytes.resize(18);
  write_idx(folder.path / "t10k-images-idx4-ubyte", colour);
  const int32_t labels[] = {300, 2};
  write_idx(folder.path / "train-labels-idx1-ubyte", {IdxType::i32, {2}, {reinterpret_cast<const std::byte*>(labels), reinterpret_cast<const std::byte*>(labels) + 8}});
  const ImageSets sets = image_folder_idx(folder.path, {.validation = 0});
  EXPECT_EQ(sets.train.channels(), 3);
  EXPECT_THAT(sets.train.labels().to_vector<int64_t>(), ElementsAre(300, 2));
  EXPECT_EQ(sets.test.classes().size(), 301u);
}

TEST(ImageSets, NameTheFileThatDoesNotFit) {
  const Folder folder(10);
  const std::string images = (folder.path / "train-images-idx3-ubyte.gz").string(), labels = (folder.path / "train-labels-idx1-ubyte").string();
  write_idx(labels, {IdxType::u8, {2}, std::vector<std::byte>(2)});
  EXPECT_EQ(error_of([&] { image_folder_idx(folder.path); }), labels + " holds 2 labels, " + images + " 10 images");
  write_idx(labels, {IdxType::f32, {10}, std::vector<std::byte>(40)});
  EXPECT_EQ(error_of([&] { image_folder_idx(folder.path); }), labels + " holds f32[10]; labels are integers [n]");
  write_idx(labels, {IdxType::i8, {10}, std::vector<std::byte>(10, std::byte(0xff))});
  EXPECT_EQ(error_of([&] { image_folder_idx(folder.path, {.validation = 0}); }), images + ": ImageDataset: the label of image 0 is -1; there are 0 classes");
  write_idx(images, {IdxType::u8, {10, 4}, std::vector<std::byte>(40)});
  EXPECT_EQ(error_of([&] { image_folder_idx(folder.path); }), images + " holds u8[10, 4]; images are u8 [n, h, w] or [n, h, w, c]");
}

TEST(ImageSets, Mnist) {
  const char* data = std::getenv("MICA_DATA");
  if (!data || !fs::exists(fs::path(data) / "mnist")) GTEST_SKIP() << "MICA_DATA/mnist is not there";
  const ImageSets sets = mnist(), whole = mnist({}, {.validation = 0});
  EXPECT_EQ(sets.train.size(), 55000);
  EXPECT_EQ(sets.validation.size(), 5000);
  EXPECT_EQ(sets.test.size(), 10000);
  EXPECT_EQ(sets.train.width(), 28);
  const ChannelStatistics of = whole.train.statistics();
  EXPECT_NEAR(of.mean[0], 0.1307, 5e-5);
  EXPECT_NEAR(of.std[0], 0.3081, 5e-5);
  EXPECT_THAT(sets.test.options().mean, ElementsAre(0.1307));
  EXPECT_THAT(sets.test.options().std, ElementsAre(0.3081));
  EXPECT_EQ(std::get<1>(sets.validation.get(4999)), std::get<1>(whole.train.get(59999)));
}

TEST(ImageSets, FashionMnist) {
  try {
    find_fashion_mnist();
  } catch (const IoError& e) {
    GTEST_SKIP() << e.what();
  }
  const ImageSets whole = fashion_mnist({}, {.validation = 0});
  EXPECT_EQ(whole.train.size(), 60000);
  EXPECT_EQ(whole.test.size(), 10000);
  EXPECT_EQ(whole.test.classes()[9], "ankle boot");
  const ChannelStatistics of = whole.train.statistics();
  EXPECT_NEAR(of.mean[0], 0.2860, 5e-5);
  EXPECT_NEAR(of.std[0], 0.3530, 5e-5);
  EXPECT_THAT(whole.train.options().mean, ElementsAre(0.2860));
  EXPECT_THAT(whole.train.options().std, ElementsAre(0.3530));
}

}  // namespace
}  // namespace mica
