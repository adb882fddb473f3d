#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>
namespace mica::emulator {

// What is known to have finished: for each stream, by its number, how many of its tasks.
class Clock {
 public:
  bool knows(uint32_t stream, uint32_t count) const { return stream < counts_.size() && counts_[stream] >= count; }
  void set(uint32_t stream, uint32_t count) {
    if (counts_.size() <= stream) counts_.resize(stream + 1);
    counts_[stream] = std::max(counts_[stream], count);
  }
  void join(const Clock& other) {
    if (counts_.size() < other.counts_.size()) counts_.resize(other.counts_.size());
    for (size_t i = 0; i < other.counts_.size(); ++i) counts_[i] = std::max(counts_[i], other.counts_[i]);
  }

 private:
  std::vector<uint32_t> counts_;
};

}  // namespace mica::emulator
