#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "mica/data/digits_internal.h"
#include "mica/data/idx.h"

namespace mica {
namespace {

using Shape = std::vector<std::int64_t>;

struct Part {
  IdxArray images, labels;
  explicit Part(detail::DigitsPart files) : images(parse_idx(files.images)), labels(parse_idx(files.labels)) {}
};

std::array<int, 10> class_counts(const Part& part) {
  std::array<int, 10> counts{};
  for (const std::byte label : part.labels.bytes) ++counts.at(std::to_integer<std::size_t>(label));
  return counts;
}

std::uint32_t checksum(const std::vector<std::byte>& bytes) {
  return static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

const detail::DigitsFiles files = detail::digits_files();

TEST(DigitsFiles, AreSplitInEqualSharesOfEachClass) {
  const Part train(files.train), validation(files.validation), test(files.test);
  EXPECT_EQ(train.images.shape, (Shape{1079, 8, 8}));
  EXPECT_EQ(validation.images.shape, (Shape{359, 8, 8}));
  EXPECT_EQ(test.images.shape, (Shape{359, 8, 8}));
  EXPECT_EQ(train.labels.shape, Shape{1079});
  EXPECT_EQ(validation.labels.shape, Shape{359});
  EXPECT_EQ(test.labels.shape, Shape{359});
  EXPECT_EQ(class_counts(train), (std::array{106, 110, 107, 109, 109, 110, 109, 107, 104, 108}));
  EXPECT_EQ(class_counts(validation), (std::array{36, 36, 35, 37, 36, 36, 36, 36, 35, 36}));
  EXPECT_EQ(class_counts(test), class_counts(validation));
}

// Put back into the order of the source, the three parts are it, bit for bit: so they are disjoint and complete. The checksums are those of
// scikit-learn's arrays (tools/make_digits.py prints them).
TEST(DigitsFiles, AreTheSourceDividedAndNothingElse) {
  const IdxArray rows = parse_idx(files.source_rows);
  ASSERT_EQ(rows.type, IdxType::i16);
  ASSERT_EQ(rows.shape, Shape{1797});
  std::vector<std::int16_t> source_row(1797);
  std::memcpy(source_row.data(), rows.bytes.data(), rows.bytes.size());

  std::vector<std::byte> images(1797 * 64), labels(1797);
  std::vector<bool> seen(1797);
  std::size_t row = 0;
  for (const detail::DigitsPart& part_files : {files.train, files.validation, files.test}) {
    const Part part(part_files);
    for (std::size_t i = 0; i < part.labels.bytes.size(); ++i, ++row) {
      const auto at = static_cast<std::size_t>(source_row.at(row));
      ASSERT_LT(at, 1797u);
      ASSERT_FALSE(seen[at]) << "row " << at << " twice";
      seen[at] = true;
      std::copy_n(part.images.bytes.begin() + static_cast<std::ptrdiff_t>(64 * i), 64, images.begin() + static_cast<std::ptrdiff_t>(64 * at));
      labels[at] = part.labels.bytes[i];
    }
  }
  EXPECT_EQ(row, 1797u);
  EXPECT_EQ(checksum(images), 0xf3a2533cu);
  EXPECT_EQ(checksum(labels), 0xf86fc929u);
  EXPECT_EQ(*std::max_element(images.begin(), images.end()), std::byte{16});
}

}  // namespace
}  // namespace mica
