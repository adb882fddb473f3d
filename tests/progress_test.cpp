#include "mica/tools/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <sstream>
#include <vector>

#include "mica/tools/text.h"

namespace mica::tools {
namespace {
using ::testing::HasSubstr;
using ::testing::Not;

// A terminal or a pipe, with a clock that the test moves.
struct Screen {
  double now = 100;
  int width = 80;
  std::ostringstream out;
  Progress progress;
  explicit Screen(ProgressOptions options) : progress(out, complete(std::move(options))) {}
  ProgressOptions complete(ProgressOptions options) {
    options.clock = [this] { return now; };
    options.width = [this] { return width; };
    return options;
  }
  // What stands on the last line: after the last \r and without escape codes.
  std::string line() const {
    std::string text = out.str().substr(out.str().find_last_of("\r\n") + 1), plain;
    for (std::size_t i = 0; i < text.size(); ++i)
      if (text[i] == '\x1B') i = text.find_first_of("mK", i);
      else plain += text[i];
    return plain;
  }
};

int count(const std::string& text, const std::string& part) {
  int n = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

const EpochMetrics metrics{3, 0.3121, 0.2802, 0.9136, 0.0982, 14980, 1.8};

TEST(Progress, BarOnATerminal) {
  Screen s({.is_terminal = true});
  s.progress.begin_epoch(1, 3, 1000);
  s.now += 1;
  s.progress.update(250, 1.5);
  EXPECT_EQ(s.line(), "epoch 1/3 #######-------------------  25%  0:11 left  250 images/s  loss 1.5000");
}

TEST(Progress, TimeLeftCountsTheEpochsToComeWithTheirValidation) {
  Screen s({.is_terminal = true});
  s.progress.begin_epoch(11, 14, 1000);  // a resumed run: epochs 1 to 10 took no time here
  s.now += 10;
  s.progress.update(1000);
  s.progress.begin_part("validation", 100);
  s.now += 5;
  s.progress.update(50);
  EXPECT_THAT(s.line(), HasSubstr("validation"));
  EXPECT_THAT(s.line(), HasSubstr("0:05 left"));
  s.now += 5;
  s.progress.end_epoch(metrics);
  s.progress.begin_epoch(12, 14, 1000);
  s.now += 5;
  s.progress.update(500);
  EXPECT_THAT(s.line(), HasSubstr("0:45 left"));  // 5 of this epoch, 20 for each of two more
}

TEST(Progress, RedrawsAtMostTenTimesASecond) {
  Screen s({.is_terminal = true});
  s.progress.begin_epoch(1, 1, 10'000);
  const int before = count(s.out.str(), "\r");
  int due = 0;
  for (int i = 1; i <= 10'000; ++i) {
    s.now += 1e-4;
    due += s.progress.due();
    s.progress.update(i);
  }
  const int drawn = count(s.out.str(), "\r") - before;
  EXPECT_GE(drawn, 8);
  EXPECT_LE(drawn, 10);
  EXPECT_EQ(due, drawn);
}

TEST(Progress, NeverWiderThanTheTerminal) {
  for (int width = 1; width <= 200; ++width)
    for (bool unicode : {false, true}) {
      Screen s({.is_terminal = true, .colors = true, .unicode = unicode});
      s.width = width;
      s.progress.begin_epoch(7, 100, 1'000'000);
      s.now += 2;
      s.progress.update(400'000, 123.456);
      EXPECT_LT(columns(s.line()), std::max(width, 2)) << "width " << width << ": " << s.line();
      EXPECT_EQ(s.line().find("40%") != std::string::npos, width > 17) << "width " << width << ": " << s.line();
      EXPECT_EQ(s.line().find(" left") != std::string::npos, width > 40) << "width " << width << ": " << s.line();
    }
}

TEST(Progress, TableOnATerminal) {
  Screen s({.is_terminal = true});
  s.progress.begin_epoch(3, 30, 1000);
  s.progress.end_epoch(metrics);
  s.progress.begin_epoch(4, 30, 1000);
  s.progress.end_epoch(metrics);
  EXPECT_THAT(s.out.str(), HasSubstr("  epoch  train loss    val loss  val accuracy  learning rate   images/s     time\n"
                                     "   3/30      0.3121      0.2802       91.36 %         0.0982     14,980    1.8 s\n"));
  EXPECT_EQ(count(s.out.str(), "train loss"), 1);
  s.width = 40;
  s.progress.begin_epoch(5, 30, 1000);
  s.progress.end_epoch(metrics);
  EXPECT_THAT(s.out.str(), HasSubstr("\n\r\x1B[Kepoch  5/30"  ));
  EXPECT_EQ(s.line(), "");
  EXPECT_TRUE(s.out.str().ends_with("\r\x1B[K   3/30      0.3121      0.2802\n"));
}

TEST(Progress, PlainLinesInAPipe) {
  Screen s({.is_terminal = false, .colors = true, .unicode = true, .line_seconds = 30});
  s.progress.begin_epoch(3, 30, 1000);
  for (int i = 1; i <= 100; ++i) {
    s.now += 0.7;
    s.progress.update(10 * i, 0.5);
  }
  s.progress.begin_part("validation", 100);
  s.progress.update(100);
  s.progress.note("saved");
  EpochMetrics m = metrics;
  s.progress.end_epoch(m);
  m.validation_loss = m.validation_accuracy = std::nan("");
  s.progress.begin_epoch(4, 30, 1000);
  s.progress.end_epoch(m);
  EXPECT_EQ(s.out.str(),
            "epoch  3/30  430 of 1,000 images  loss 0.5000  14 images/s  32:10 left\n"
            "epoch  3/30  860 of 1,000 images  loss 0.5000  14 images/s  31:40 left\n"
            "saved\n"
            "epoch  3/30  train loss 0.3121  validation loss 0.2802  validation accuracy 91.36 %  learning rate 0.0982  14,980 images/s  1.8 s\n"
            "epoch  3/30  train loss 0.3121  learning rate 0.0982  14,980 images/s  1.8 s\n");
}

TEST(Progress, ColorsOnlyWhenAsked) {
  for (bool colors : {false, true}) {
    Screen s({.is_terminal = true, .colors = colors});
    s.progress.begin_epoch(1, 1, 10);
    s.now += 1;
    s.progress.update(5);
    s.progress.end_epoch(metrics);
    EXPECT_EQ(s.out.str().find("\x1B[36m") != std::string::npos, colors);
    EXPECT_EQ(s.out.str().find("m") != std::string::npos && s.out.str().find("\x1B[0m") != std::string::npos, colors);
  }
}

TEST(Progress, QuietWritesOnlyNotes) {
  Screen s({.is_terminal = true, .quiet = true});
  s.progress.begin_epoch(1, 1, 10);
  s.now += 100;
  EXPECT_FALSE(s.progress.due());
  s.progress.update(5);
  s.progress.end_epoch(metrics);
  s.progress.note("interrupted");
  EXPECT_EQ(s.out.str(), "interrupted\n");
}

TEST(Progress, NoteKeepsTheBarBelowAndTheEndRemovesIt) {
  std::ostringstream out;
  {
    Progress progress(out, {.is_terminal = true});
    progress.begin_epoch(1, 1, 10);
    progress.note("hello");
    EXPECT_THAT(out.str(), HasSubstr("\r\x1B[Khello\n\r\x1B[Kepoch 1/1"));
  }
  EXPECT_TRUE(out.str().ends_with("\r\x1B[K"));
}

TEST(Progress, OddNumbers) {
  Screen s({.is_terminal = true});
  s.progress.begin_epoch(1, 1, 0);  // an empty split
  s.now += 1;
  s.progress.update(5, std::nan(""));
  EXPECT_THAT(s.line(), HasSubstr("0%"));
  s.progress.update(-3, INFINITY);
  s.now += 1;
  s.progress.update(0, 1e30);
  EXPECT_THAT(s.line(), HasSubstr("loss 1e+30"));
  EXPECT_THAT(s.line(), Not(HasSubstr("left")));
}

// The real thing: a pseudo-terminal of 33 columns, and a pipe.
TEST(Progress, AsksTheTerminal) {
  int master = -1, slave = -1, ends[2];
  winsize size{};
  size.ws_col = 33;
  if (openpty(&master, &slave, nullptr, nullptr, &size) != 0) GTEST_SKIP() << "no pseudo-terminals here";
  ASSERT_EQ(pipe(ends), 0);
  setenv("TERM", "xterm", 1);
  setenv("LC_ALL", "C.UTF-8", 1);
  unsetenv("NO_COLOR");
  EXPECT_TRUE(progress_for(slave).is_terminal);
  EXPECT_TRUE(progress_for(slave).colors);
  EXPECT_TRUE(progress_for(slave).unicode);
  EXPECT_EQ(progress_for(slave).width(), 33);
  EXPECT_FALSE(progress_for(ends[1]).is_terminal);
  EXPECT_FALSE(progress_for(ends[1]).colors);
  EXPECT_EQ(progress_for(ends[1]).width(), 80);
  setenv("NO_COLOR", "1", 1);
  EXPECT_TRUE(progress_for(slave).is_terminal);
  EXPECT_FALSE(progress_for(slave).colors);
  setenv("TERM", "dumb", 1);
  EXPECT_FALSE(progress_for(slave).is_terminal);
  setenv("LC_ALL", "C", 1);
  EXPECT_FALSE(progress_for(slave).unicode);
  for (int descriptor : {master, slave, ends[0], ends[1]}) close(descriptor);
}

}  // namespace
}  // namespace mica::tools
