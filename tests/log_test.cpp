#include <gtest/gtest.h>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>
#include "mica/mica.h"

using namespace mica;

namespace {
using Lines = std::vector<std::pair<LogLevel, std::string>>;
struct Restore {
  ~Restore() { set_log_callback({}); set_log_level(LogLevel::warn); }
};
std::string printed(const std::function<void()>& f) {
  ::testing::internal::CaptureStderr();
  f();
  return ::testing::internal::GetCapturedStderr();
}
void one_of_each() { log_debug("d"); log_info("i"); log_warn("w {}"); log_error("e"); }
}  // namespace

TEST(Log, NothingBelowWarnIsPrinted) {
  const Restore restore;
  EXPECT_EQ(log_level(), LogLevel::warn);
  EXPECT_EQ(printed(one_of_each), "mica warning: w {}\nmica error: e\n");
  set_log_level(LogLevel::debug);
  EXPECT_EQ(printed(one_of_each), "mica debug: d\nmica info: i\nmica warning: w {}\nmica error: e\n");
  set_log_level(LogLevel::off);
  EXPECT_EQ(printed(one_of_each), "");
}

TEST(Log, AHostProgramTakesOver) {
  const Restore restore;
  Lines lines;
  set_log_callback([&](LogLevel level, std::string_view text) { lines.emplace_back(level, text); });
  set_log_level(LogLevel::info);
  EXPECT_EQ(printed(one_of_each), "");
  EXPECT_EQ(lines, (Lines{{LogLevel::info, "i"}, {LogLevel::warn, "w {}"}, {LogLevel::error, "e"}}));
  set_log_callback({});
  EXPECT_EQ(printed(one_of_each), "mica info: i\nmica warning: w {}\nmica error: e\n");
}

TEST(Log, ACallbackMayLogThrowAndRemoveItself) {
  const Restore restore;
  Lines lines;
  set_log_callback([&](LogLevel level, std::string_view text) {
    lines.emplace_back(level, text);
    if (lines.size() == 1) log_error("inner");
    if (lines.size() == 2) { set_log_callback({}); throw std::runtime_error("the host's own trouble"); }
  });
  log_warn("outer");
  EXPECT_EQ(lines, (Lines{{LogLevel::warn, "outer"}, {LogLevel::error, "inner"}}));
  EXPECT_EQ(printed([] { log_warn("again"); }), "mica warning: again\n");
}

TEST(Log, MessagesOfManyThreadsComeOneAtATime) {
  const Restore restore;
  int count = 0, inside = 0;
  set_log_callback([&](LogLevel, std::string_view) { EXPECT_EQ(++inside, 1); ++count; --inside; });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([] { for (int j = 0; j < 1000; ++j) log_warn("x"); });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(count, 4000);
}

TEST(LogDeathTest, TheEnvironmentSetsTheLevel) {  // read once a process
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto run = [](const char* level) { setenv("MICA_LOG", level, 1); one_of_each(); std::exit(0); };
  const Restore restore;
  EXPECT_EXIT(run("debug"), ::testing::ExitedWithCode(0), "^mica debug: d\nmica info: i\nmica warning: w ..\nmica error: e\n$");
  EXPECT_EXIT(run("error"), ::testing::ExitedWithCode(0), "^mica error: e\n$");
  EXPECT_EXIT(run("loud"), ::testing::ExitedWithCode(0), "^mica warning: MICA_LOG is 'loud'; it takes debug, info, warn, error or off\nmica warning: w ..\nmica error: e\n$");
}
