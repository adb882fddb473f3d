#include "mica/tools/metrics.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "mica/core/error.h"
#include "mica/tools/json.h"
#include "mica/tools/run_folder.h"
#include "mica/tools/text.h"

namespace mica::tools {
namespace {

constexpr std::string_view header = "epoch,train_loss,validation_loss,validation_accuracy,learning_rate,images_per_second,seconds\n";
constexpr std::array columns_after_epoch{&EpochMetrics::train_loss,    &EpochMetrics::validation_loss,   &EpochMetrics::validation_accuracy,
                                         &EpochMetrics::learning_rate, &EpochMetrics::images_per_second, &EpochMetrics::seconds};

std::string csv_row(const EpochMetrics& m) {
  std::string row = std::to_string(m.epoch);
  for (auto column : columns_after_epoch) row += "," + shortest(m.*column);
  return row + "\n";
}

bool parse_row(std::string_view line, EpochMetrics& m) {
  const char *at = line.data(), *end = at + line.size();
  auto result = std::from_chars(at, end, m.epoch);
  for (auto column : columns_after_epoch) {
    if (result.ec != std::errc() || result.ptr == end || *result.ptr != ',') return false;
    result = std::from_chars(result.ptr + 1, end, m.*column);
  }
  return result.ec == std::errc() && result.ptr == end;
}

}  // namespace

MetricsFile::MetricsFile(std::filesystem::path path, const std::vector<EpochMetrics>& earlier) : path_(std::move(path)) {
  std::string text(header);
  for (const EpochMetrics& m : earlier) text += csv_row(m);
  write_file_atomically(path_, text);
  descriptor_ = open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (descriptor_ < 0) throw IoError("cannot write " + path_.string() + ": " + std::strerror(errno));
}

MetricsFile::~MetricsFile() { close(descriptor_); }

void MetricsFile::append(const EpochMetrics& row) { write_all(descriptor_, csv_row(row), path_); }

std::vector<EpochMetrics> read_metrics(const std::filesystem::path& path, int last_epoch) {
  const std::string text = read_file(path);
  if (!text.starts_with(header)) throw Error(path.string() + ": line 1 is not the header of a metrics file of mica");
  std::vector<EpochMetrics> rows;
  int line = 1;
  for (std::size_t start = header.size(), stop; start < text.size(); start = stop + 1) {
    ++line;
    stop = text.find('\n', start);
    if (stop == text.npos) break;  // the program was killed while it wrote this row
    EpochMetrics m;
    if (!parse_row(std::string_view(text).substr(start, stop - start), m))
      throw Error(path.string() + ": line " + std::to_string(line) + " is not a row of 7 numbers");
    if (m.epoch <= last_epoch) rows.push_back(m);
  }
  return rows;
}

std::string summary_json(const RunSummary& s) {
  s.confusion.check();
  Json json;
  json["model"] = s.model;
  json["data"] = s.data;
  json["test_accuracy"] = json_number(s.test_accuracy);
  json["test_loss"] = json_number(s.test_loss);
  json["validation_accuracy"] = json_number(s.validation_accuracy);
  json["weights_hash"] = s.weights_hash;
  json["parameters"] = s.parameters;
  json["epochs"] = s.epochs;
  json["seconds"] = json_number(s.seconds);
  json["images_per_second"] = json_number(s.images_per_second);
  json["peak_memory_bytes"] = s.peak_memory_bytes;
  json["command"] = s.command;
  json["started"] = s.started;
  json["config"] = json_object(s.config);
  json["versions"] = json_object(s.versions);
  json["machine"] = json_object(s.machine);
  json["classes"] = Json::array();
  json["confusion"] = Json::array();
  for (int c = 0; c < s.confusion.classes(); ++c) {
    json["classes"].push_back({{"name", s.confusion.class_names[c]}, {"images", s.confusion.row(c)},
                               {"precision", json_number(s.confusion.precision(c))}, {"recall", json_number(s.confusion.recall(c))},
                               {"f1", json_number(s.confusion.f1(c))}});
    json["confusion"].push_back(Json::array());
    for (int p = 0; p < s.confusion.classes(); ++p) json["confusion"].back().push_back(s.confusion.at(c, p));
  }
  return json_text(json);
}

}  // namespace mica::tools
