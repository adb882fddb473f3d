#pragma once
#include <gtest/gtest.h>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>
#include "mica/core/safetensors.h"

namespace mica::testing {

std::string golden_path(const std::string& file);  // of a file in tests/golden/

// A file of tests/golden/ that remembers which of its tensors were asked for, so that none is forgotten. tools/make_golden.py writes them.
class GoldenFile {
 public:
  explicit GoldenFile(const std::string& name) : GoldenFile(load_safetensors(golden_path(name + ".safetensors"))) {}
  bool has(const std::string& name) const { return tensors_.contains(name); }
  Tensor at(const std::string& name) {
    if (!has(name)) throw Error("the golden file has no " + name);
    used_.insert(name);
    return tensors_.at(name);
  }
  const std::string& metadata(const std::string& name) const { return metadata_.at(name); }
  std::vector<double> values(const std::string& name) { return at(name).to_vector<double>(); }
  // Names with the prefix that nobody asked for: a test that ends with EXPECT_EQ(unused(...), {}) has compared everything.
  std::vector<std::string> unused(const std::string& prefix = "") const {
    std::vector<std::string> names;
    for (const auto& [name, value] : tensors_) if (name.starts_with(prefix) && !used_.contains(name)) names.push_back(name);
    return names;
  }
  // A case's tensors are CASE/NAME.
  std::set<std::string> cases() const {
    std::set<std::string> names;
    for (const auto& [name, value] : tensors_) names.insert(name.substr(0, name.rfind('/')));
    return names;
  }
 private:
  explicit GoldenFile(Safetensors file) : tensors_(std::move(file.tensors)), metadata_(std::move(file.metadata)) {}
  std::map<std::string, Tensor> tensors_;
  std::map<std::string, std::string> metadata_;
  std::set<std::string> used_;
};

// The largest |got - expected| / max(1, |expected|); infinite where the sizes differ or one is NaN.
inline double difference(const std::vector<double>& got, const std::vector<double>& expected) {
  if (got.size() != expected.size()) return HUGE_VAL;
  double worst = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double d = std::abs(got[i] - expected[i]) / std::max(1.0, std::abs(expected[i]));
    if (!(d <= worst)) worst = std::isnan(d) ? HUGE_VAL : d;
  }
  return worst;
}

}  // namespace mica::testing
