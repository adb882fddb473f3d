#include "mica/tools/confusion.h"

#include <algorithm>
#include <numeric>

#include "mica/core/error.h"
#include "mica/tools/text.h"

namespace mica::tools {
namespace {

// 0 / 0 is NaN here too: in IEEE arithmetic, and so without a branch.
double ratio(std::int64_t a, std::int64_t b) { return static_cast<double>(a) / static_cast<double>(b); }

std::string right(const std::string& text, int width) { return std::string(std::max(0, width - columns(text)), ' ') + text; }
std::string left(const std::string& text, int width) { return text + std::string(std::max(0, width - columns(text)), ' '); }

std::string pairs_text(const Confusion& confusion) {
  std::string out;
  for (const auto& [truth, predicted, count] : most_mistaken(confusion, 10))
    out += right(count_text(count), 8) + "  " + confusion.class_names[truth] + " taken for " + confusion.class_names[predicted] + "\n";
  return out.empty() ? "no mistakes\n" : "most frequent mistakes\n" + out;
}

}  // namespace

std::int64_t Confusion::row(int truth) const {
  std::int64_t sum = 0;
  for (int c = 0; c < classes(); ++c) sum += at(truth, c);
  return sum;
}

std::int64_t Confusion::column(int predicted) const {
  std::int64_t sum = 0;
  for (int c = 0; c < classes(); ++c) sum += at(c, predicted);
  return sum;
}

std::int64_t Confusion::total() const { return std::accumulate(counts.begin(), counts.end(), std::int64_t{0}); }

std::int64_t Confusion::correct() const {
  std::int64_t sum = 0;
  for (int c = 0; c < classes(); ++c) sum += at(c, c);
  return sum;
}

double Confusion::accuracy() const { return ratio(correct(), total()); }
double Confusion::precision(int c) const { return ratio(at(c, c), column(c)); }
double Confusion::recall(int c) const { return ratio(at(c, c), row(c)); }
double Confusion::f1(int c) const { return ratio(2 * at(c, c), row(c) + column(c)); }

void Confusion::check() const {
  const std::size_t n = class_names.size();
  if (counts.size() != n * n)
    throw Error("confusion matrix: " + std::to_string(n) + " classes need " + std::to_string(n * n) + " counts, not " + std::to_string(counts.size()));
  for (std::int64_t count : counts)
    if (count < 0) throw Error("confusion matrix: a count is negative: " + std::to_string(count));
}

std::vector<Mistaken> most_mistaken(const Confusion& confusion, int limit) {
  std::vector<Mistaken> pairs;
  for (int truth = 0; truth < confusion.classes(); ++truth)
    for (int predicted = 0; predicted < confusion.classes(); ++predicted)
      if (truth != predicted && confusion.at(truth, predicted) > 0) pairs.push_back({truth, predicted, confusion.at(truth, predicted)});
  std::stable_sort(pairs.begin(), pairs.end(), [](const Mistaken& a, const Mistaken& b) { return a.count > b.count; });
  if (static_cast<int>(pairs.size()) > limit) pairs.resize(limit);
  return pairs;
}

std::string confusion_text(const Confusion& confusion, int width) {
  confusion.check();
  const int n = confusion.classes();
  int name_width = columns("true"), cell = 1;
  for (const std::string& name : confusion.class_names) name_width = std::max(name_width, std::min(columns(name), 16));
  for (std::int64_t count : confusion.counts) cell = std::max(cell, static_cast<int>(std::to_string(count).size()));
  for (const std::string& name : confusion.class_names) cell = std::max(cell, std::min(columns(name), 5));
  if (name_width + n * (cell + 1) + 11 > width) return pairs_text(confusion);

  std::string out = left("true", name_width) + " | predicted\n" + std::string(name_width, ' ') + " |";
  for (const std::string& name : confusion.class_names) out += " " + right(shortened(name, cell), cell);
  out += "    recall\n" + std::string(name_width + 1, '-') + "+" + std::string(n * (cell + 1) + 10, '-') + "\n";
  for (int truth = 0; truth < n; ++truth) {
    out += left(shortened(confusion.class_names[truth], name_width), name_width) + " |";
    for (int predicted = 0; predicted < n; ++predicted) {
      const std::int64_t count = confusion.at(truth, predicted);
      out += " " + right(count == 0 && truth != predicted ? "." : std::to_string(count), cell);
    }
    out += "  " + (confusion.row(truth) ? right(percent(confusion.recall(truth)), 8) : std::string("       -")) + "\n";
  }
  return out;
}

}  // namespace mica::tools
