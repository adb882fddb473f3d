#include "mica/tests/emulator/testing.h"
#include <fstream>
#include "mica/tests/emulator/capture.h"
#include "mica/tests/emulator/reports_listener.h"

namespace mica::emulator {

std::string line_of(const std::string& file, const std::string& mark) {
  std::ifstream in(std::string(MICA_EMULATOR_SOURCE) + "/" + file);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number)
    if (line.ends_with("// here: " + mark)) return file + ":" + std::to_string(number);
  ADD_FAILURE() << file << " has no line with the comment '// here: " << mark << "'";
  return "?";
}

testing::AssertionResult caught(const std::string& kind, const std::vector<std::string>& texts) {
  const auto reports = take_reports();
  auto result = testing::AssertionFailure() << "expected a report of kind '" << kind << "' with";
  for (const auto& text : texts) result << " '" << text << "'";
  bool found = false, others = false;
  for (const auto& [its_kind, its_text] : reports) {
    bool all = its_kind == kind;
    others |= !all;
    for (const auto& text : texts) all &= its_text.find(text) != std::string::npos;
    found |= all;
    result << "\n  there is: " << its_kind << ": " << its_text;
  }
  if (reports.empty()) result << "; there is none";
  return found && !others ? testing::AssertionSuccess() : result;
}

}  // namespace mica::emulator

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  mica::emulator::install_reports_listener();
  return RUN_ALL_TESTS();
}
