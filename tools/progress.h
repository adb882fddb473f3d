#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <limits>
#include <string>

#include "mica/tools/metrics.h"

namespace mica::tools {

struct ProgressOptions {
  bool is_terminal = false;           // draw a bar; otherwise plain lines without one escape code
  bool colors = false;
  bool unicode = false;
  bool quiet = false;                 // write nothing but notes
  double line_seconds = 30;           // without a terminal: a line after that many seconds inside an epoch
  std::function<double()> clock = {}; // seconds, steady; empty: the system's steady clock
  std::function<int()> width = {};    // columns of the terminal; empty: asks the terminal of the descriptor, 80 when it does not say
};

// What suits a stream that ends in this descriptor (1 or 2): a bar on a terminal (not with TERM=dumb), colors unless NO_COLOR is set and not
// empty, box-drawing characters in a UTF-8 locale.
ProgressOptions progress_for(int descriptor);

// Shows how a training runs. On a terminal a bar, redrawn at most 10 times a second, below a table with one row per epoch; elsewhere one line
// per epoch. Not for several threads.
class Progress {
 public:
  Progress(std::ostream& out, ProgressOptions options);
  ~Progress();  // removes an unfinished bar
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Training images of one epoch follow. Time left is estimated over all epochs still to come.
  void begin_epoch(int epoch, int epochs, std::int64_t images);
  // Another part of the work with a bar of its own: "validation", "test".
  void begin_part(const std::string& name, std::int64_t images);
  // So many images of the current epoch or part are done. loss: shown when it is a number.
  void update(std::int64_t images_done, double loss = std::numeric_limits<double>::quiet_NaN());
  // Whether the next update will show something: only then is reading the loss from the device worth its price.
  bool due() const;
  void end_epoch(const EpochMetrics& metrics);
  void end_part();
  // A line of its own above the bar.
  void note(const std::string& text);

 private:
  void draw();
  void clear_bar();
  std::string bar_line(int width) const;
  double seconds_left(double now) const;

  std::ostream& out_;
  ProgressOptions options_;
  std::string part_ = {};  // empty: training
  int epoch_ = 0, epochs_ = 0, first_epoch_ = 0;
  std::int64_t images_ = 0, done_ = 0;
  double loss_ = 0;
  double run_started_ = 0, started_ = 0, last_shown_ = 0;
  bool active_ = false, bar_on_screen_ = false, header_shown_ = false;
};

}  // namespace mica::tools
