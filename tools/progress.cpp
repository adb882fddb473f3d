#include "mica/tools/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ostream>
#include <vector>

#include "mica/tools/text.h"

namespace mica::tools {
namespace {

constexpr double redraw_seconds = 0.1;

std::string padded(const std::string& text, int width) { return std::string(std::max(0, width - columns(text)), ' ') + text; }

std::string repeated(const char* text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

std::string loss_text(double loss) { return std::isfinite(loss) && std::abs(loss) < 1000 ? fixed(loss, 4) : shortest(loss); }

std::string epoch_label(int epoch, int epochs) {
  const std::string all = std::to_string(epochs);
  return padded(std::to_string(epoch), static_cast<int>(all.size())) + "/" + all;
}

std::string rate_text(double images_per_second) { return count_text(std::llround(images_per_second)); }

// A learning rate in four significant digits: schedules give long ones.
std::string learning_rate_text(double rate) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.4g", rate);
  return buffer;
}

struct Column { const char* title; int width; std::string text; };

// The table's columns, the least important last: a narrow terminal shows as many as fit.
std::vector<Column> table_columns(const EpochMetrics& m, int epochs) {
  const std::string epoch = epoch_label(m.epoch, epochs);
  const auto number = [](double value, std::string text) { return std::isnan(value) ? "-" : text; };
  return {{"epoch", std::max(7, columns(epoch)), epoch},
          {"train loss", 10, loss_text(m.train_loss)},
          {"val loss", 10, number(m.validation_loss, loss_text(m.validation_loss))},
          {"val accuracy", 12, number(m.validation_accuracy, percent(m.validation_accuracy))},
          {"learning rate", 13, learning_rate_text(m.learning_rate)},
          {"images/s", 9, rate_text(m.images_per_second)},
          {"time", 7, m.seconds < 100 ? fixed(m.seconds, 1) + " s" : duration(m.seconds)}};
}

std::string table_row(const std::vector<Column>& row, int width, bool titles) {
  std::string line;
  for (const Column& column : row) {
    const std::string cell = padded(titles ? column.title : column.text, column.width);
    if (!line.empty() && columns(line) + 2 + columns(cell) > width) break;
    line += (line.empty() ? "" : "  ") + cell;
  }
  return line;
}

// One line that reads well alone and greps well.
std::string epoch_line(const EpochMetrics& m, int epochs) {
  std::string line = "epoch " + epoch_label(m.epoch, epochs) + "  train loss " + loss_text(m.train_loss);
  if (!std::isnan(m.validation_loss)) line += "  validation loss " + loss_text(m.validation_loss);
  if (!std::isnan(m.validation_accuracy)) line += "  validation accuracy " + percent(m.validation_accuracy);
  return line + "  learning rate " + learning_rate_text(m.learning_rate) + "  " + rate_text(m.images_per_second) + " images/s  " + fixed(m.seconds, 1) + " s";
}

}  // namespace

ProgressOptions progress_for(int descriptor) {
  const auto variable = [](const char* name) { const char* value = std::getenv(name); return std::string(value ? value : ""); };
  ProgressOptions options;
  options.is_terminal = isatty(descriptor) && variable("TERM") != "dumb";
  options.colors = options.is_terminal && variable("NO_COLOR").empty();
  std::string locale = variable("LC_ALL");
  if (locale.empty()) locale = variable("LC_CTYPE");
  if (locale.empty()) locale = variable("LANG");
  std::transform(locale.begin(), locale.end(), locale.begin(), [](unsigned char c) { return std::tolower(c); });
  options.unicode = locale.find("utf-8") != locale.npos || locale.find("utf8") != locale.npos;
  options.width = [descriptor] {
    winsize size{};
    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? static_cast<int>(size.ws_col) : 80;
  };
  return options;
}

Progress::Progress(std::ostream& out, ProgressOptions options) : out_(out), options_(std::move(options)) {
  if (!options_.clock) options_.clock = [] { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); };
  if (!options_.width) options_.width = [] { return 80; };
}

Progress::~Progress() { clear_bar(); }

void Progress::begin_epoch(int epoch, int epochs, std::int64_t images) {
  started_ = last_shown_ = options_.clock();
  if (first_epoch_ == 0) first_epoch_ = epoch, run_started_ = started_;
  epoch_ = epoch, epochs_ = epochs;
  part_.clear();
  images_ = images, done_ = 0, loss_ = std::numeric_limits<double>::quiet_NaN(), active_ = true;
  if (options_.is_terminal) draw();
}

void Progress::begin_part(const std::string& name, std::int64_t images) {
  started_ = last_shown_ = options_.clock();
  part_ = name;
  images_ = images, done_ = 0, loss_ = std::numeric_limits<double>::quiet_NaN(), active_ = true;
  if (options_.is_terminal) draw();
}

bool Progress::due() const {
  if (options_.quiet || !active_) return false;
  return options_.clock() - last_shown_ >= (options_.is_terminal ? redraw_seconds : options_.line_seconds);
}

void Progress::update(std::int64_t images_done, double loss) {
  done_ = std::clamp<std::int64_t>(images_done, 0, std::max<std::int64_t>(images_, 0));
  if (!std::isnan(loss)) loss_ = loss;
  if (due()) draw();
}

double Progress::seconds_left(double now) const {
  if (done_ <= 0 || now - started_ < 0.3) return std::numeric_limits<double>::quiet_NaN();
  const double this_part = (now - started_) / static_cast<double>(done_) * static_cast<double>(images_ - done_);
  if (!part_.empty()) return this_part;
  const int finished = epoch_ - first_epoch_;  // an epoch's price includes its validation: take it from finished ones
  const double epoch_seconds = finished > 0 ? (started_ - run_started_) / finished : (now - started_) + this_part;
  return this_part + (epochs_ - epoch_) * epoch_seconds;
}

std::string Progress::bar_line(int width) const {
  const double now = options_.clock();
  const double fraction = images_ > 0 ? static_cast<double>(done_) / static_cast<double>(images_) : 0;
  const std::string label = part_.empty() ? "epoch " + epoch_label(epoch_, epochs_) : part_;
  const std::string done = padded(std::to_string(static_cast<int>(fraction * 100)) + "%", 4);
  std::vector<std::string> extras;  // the most important first
  if (const double left = seconds_left(now); std::isfinite(left)) {
    extras.push_back(duration(left) + " left");
    extras.push_back(rate_text(static_cast<double>(done_) / (now - started_)) + " images/s");
  }
  if (!std::isnan(loss_)) extras.push_back("loss " + loss_text(loss_));

  // label, bar and percentage take what the extras leave; extras go, from the last, before the bar gets shorter than 10.
  const int limit = width - 1;  // the last column stays free: some terminals wrap as soon as it is written
  int used = columns(label) + 1 + 1 + columns(done);
  int extras_width = 0;
  for (const std::string& extra : extras) extras_width += 2 + columns(extra);
  while (!extras.empty() && limit - used - extras_width < 10) {
    extras_width -= 2 + columns(extras.back());
    extras.pop_back();
  }
  const int bar = std::min(40, limit - used - extras_width);
  if (bar < 4) return shortened(label + done, std::max(limit, 0));
  const int full = static_cast<int>(std::lround(fraction * bar));
  std::string line = label + " ";
  if (options_.colors) line += "\x1B[36m";
  line += repeated(options_.unicode ? "━" : "#", full);
  if (options_.colors) line += "\x1B[90m";
  line += repeated(options_.unicode ? "─" : "-", bar - full);
  if (options_.colors) line += "\x1B[0m";
  line += " " + done;
  for (const std::string& extra : extras) line += "  " + extra;
  return line;
}

void Progress::draw() {
  if (options_.quiet) return;
  last_shown_ = options_.clock();
  if (options_.is_terminal) {
    out_ << "\r\x1B[K" << bar_line(options_.width());
    bar_on_screen_ = true;
  } else {
    const double seconds = last_shown_ - started_;
    out_ << (part_.empty() ? "epoch " + epoch_label(epoch_, epochs_) : part_) << "  " << count_text(done_) << " of " << count_text(images_) << " images";
    if (!std::isnan(loss_)) out_ << "  loss " << loss_text(loss_);
    if (seconds > 0) out_ << "  " << rate_text(static_cast<double>(done_) / seconds) << " images/s";
    if (const double left = seconds_left(last_shown_); std::isfinite(left)) out_ << "  " << duration(left) << " left";
    out_ << "\n";
  }
  out_.flush();
}

void Progress::clear_bar() {
  if (!bar_on_screen_) return;
  out_ << "\r\x1B[K";
  out_.flush();
  bar_on_screen_ = false;
}

void Progress::end_epoch(const EpochMetrics& metrics) {
  clear_bar();
  active_ = false;
  if (options_.quiet) return;
  if (options_.is_terminal) {
    const auto row = table_columns(metrics, epochs_);
    const int width = options_.width();
    if (!header_shown_) out_ << (options_.colors ? "\x1B[1m" : "") << table_row(row, width, true) << (options_.colors ? "\x1B[0m" : "") << "\n";
    header_shown_ = true;
    out_ << table_row(row, width, false) << "\n";
  } else {
    out_ << epoch_line(metrics, epochs_) << "\n";
  }
  out_.flush();
}

void Progress::end_part() {
  clear_bar();
  active_ = false;
}

void Progress::note(const std::string& text) {
  clear_bar();
  out_ << text << "\n";
  out_.flush();
  if (active_ && options_.is_terminal) draw();
}

}  // namespace mica::tools
