#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "mica/tools/confusion.h"
#include "mica/tools/settings.h"

namespace mica::tools {

// What is measured in one epoch. NaN where there is none (no validation split).
struct EpochMetrics {
  int epoch = 0;                    // 1 is the first
  double train_loss = 0;            // mean over the epoch's images, nats
  double validation_loss = 0;
  double validation_accuracy = 0;   // in [0, 1]
  double learning_rate = 0;         // at the end of the epoch
  double images_per_second = 0;     // training images, without validation
  double seconds = 0;               // the whole epoch, with validation
};

// metrics.csv of a run: a header and one row per epoch. A row is in the kernel's hands when append returns, so a killed program loses nothing.
class MetricsFile {
 public:
  // Starts the file with the rows of `earlier` (those of a run that is resumed). Throws IoError.
  explicit MetricsFile(std::filesystem::path path, const std::vector<EpochMetrics>& earlier = {});
  ~MetricsFile();
  MetricsFile(const MetricsFile&) = delete;
  MetricsFile& operator=(const MetricsFile&) = delete;
  void append(const EpochMetrics& row);  // throws IoError

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

// The rows of metrics.csv up to and including `last_epoch`; a row cut off at the end of the file is left out, any other damage is an Error that
// names the line. Resuming from the checkpoint of epoch n: MetricsFile(path, read_metrics(path, n)).
std::vector<EpochMetrics> read_metrics(const std::filesystem::path& path, int last_epoch = 1 << 30);

// The outcome of a run: summary.json, and the head of the report.
struct RunSummary {
  std::string model = "", data = "";
  double test_accuracy = 0;         // on the test split, in [0, 1]
  double test_loss = 0;
  double validation_accuracy = 0;   // of the weights that were tested
  std::string weights_hash = "";
  std::int64_t parameters = 0;
  int epochs = 0;                   // trained
  double seconds = 0;               // of the training, without the test
  double images_per_second = 0;     // training images over the time spent in training steps
  std::int64_t peak_memory_bytes = 0;
  std::string command = "";         // the command line that repeats the run
  std::string started = "";         // local date and time
  Settings config = {}, versions = {}, machine = {};
  Confusion confusion = {};         // of the test split
};

// {"test_accuracy": .., "weights_hash": .., "seconds": .., ..., "config": {..}, "versions": {..}, "machine": {..},
//  "classes": [{"name", "images", "precision", "recall", "f1"}], "confusion": [[..]]}; null where a value is not a finite number.
std::string summary_json(const RunSummary& summary);

}  // namespace mica::tools
