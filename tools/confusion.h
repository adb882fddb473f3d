#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace mica::tools {

// How often each class was taken for each. Ratios without a denominator (a class that never occurs) are NaN.
struct Confusion {
  std::vector<std::string> class_names = {};
  std::vector<std::int64_t> counts = {};  // [true class][predicted class], row-major, classes * classes

  int classes() const { return static_cast<int>(class_names.size()); }
  std::int64_t at(int truth, int predicted) const { return counts[static_cast<std::size_t>(truth) * class_names.size() + predicted]; }
  std::int64_t row(int truth) const;         // images of the class
  std::int64_t column(int predicted) const;  // images taken for the class
  std::int64_t total() const;
  std::int64_t correct() const;
  double accuracy() const;           // correct / total
  double precision(int c) const;     // at(c, c) / column(c)
  double recall(int c) const;        // at(c, c) / row(c)
  double f1(int c) const;            // 2 at(c, c) / (row(c) + column(c))

  // Throws Error unless counts holds classes * classes values, none negative.
  void check() const;
};

struct Mistaken { int truth, predicted; std::int64_t count; };
// The pairs of classes that were mixed up, most frequent first, at most `limit`.
std::vector<Mistaken> most_mistaken(const Confusion& confusion, int limit);

// The matrix as a table of plain text, rows the true class, with each row's recall; when it would be wider than `width` columns, the most
// frequent mistakes instead. Ends with a line break.
std::string confusion_text(const Confusion& confusion, int width = 100);

}  // namespace mica::tools
