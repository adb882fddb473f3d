#include "op_shapes.h"
#include <gtest/gtest.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>

namespace mica::testing {
namespace {
constexpr size_t wanted = 20;

std::map<std::string, std::set<std::string>> counted;  // shapes by op

// Ops whose results are no floats, or do not depend smoothly on anything.
const std::set<std::string> without_gradient = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor",
                                                "logical_not", "isnan", "one_hot", "flatnonzero", "augment"};

struct Verdict : ::testing::Environment {
  void TearDown() override {
    const bool whole = ::testing::GTEST_FLAG(filter) == "*" && !std::getenv("GTEST_TOTAL_SHARDS") && !counted.empty();
    if (!whole && !only_counting()) return;
    std::set<std::string> ops = all_ops();
    EXPECT_GT(ops.size(), 80u) << "names of ops found in " << MICA_OPS_DIR;
    for (const auto& [name, shapes] : counted) ops.insert(name);
    for (const std::string& name : ops) {
      if (without_gradient.contains(name)) EXPECT_EQ(counted[name].size(), 0u) << name << " has a gradient";
      else EXPECT_GE(counted[name].size(), wanted) << name << " has been differentiated at " << counted[name].size() << " shapes";
    }
  }
};
const auto* const verdict = ::testing::AddGlobalTestEnvironment(new Verdict);
}  // namespace

std::set<std::string> all_ops() {
  std::set<std::string> names;
  const std::regex name("constexpr auto name = \"([a-z_0-9]+)\"");
  for (const auto& entry : std::filesystem::directory_iterator(MICA_OPS_DIR)) {
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at) names.insert((*at)[1]);
  }
  return names;
}

void ShapeCounter::ran(const Call& call) {
  bool taped = false;
  std::string shapes;
  for (size_t i = 0; i < call.x.size(); ++i) {
    if (call.x[i] && !(call.info.input(i).flags & optional)) shapes += to_string(call.x[i].shape());  // a bias makes no new shape
    taped |= call.x[i].requires_grad() && !(call.info.input(i).flags & no_gradient);
  }
  if (taped) counted[call.info.name].insert(shapes);
}

bool only_counting() { return std::getenv("MICA_TEST_COUNT_SHAPES") != nullptr; }

}  // namespace mica::testing
