#pragma once
#include <cstddef>
#include <span>

namespace mica::detail {

using Bytes = std::span<const std::byte>;

// The files of data/digits, embedded in the library: gzipped IDX.
struct DigitsPart {
  Bytes images, labels;
};
struct DigitsFiles {
  DigitsPart train, validation, test;
  Bytes source_rows;
};
DigitsFiles digits_files();

}  // namespace mica::detail
