#include "mica/tools/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "mica/core/error.h"
#include "mica/tools/text.h"

namespace mica::tools {
namespace {

const std::set<std::string> not_in_config{"out", "resume", "force", "quiet"};

template <class T> void require(bool good, const char* flag, const char* what, T value) {
  std::string shown;
  if constexpr (std::is_same_v<T, std::string>) shown = value;
  else shown = shortest(static_cast<double>(value));
  if (!good) throw Error(std::string(flag) + " must be " + what + ", not " + shown);
}

bool is_device(const std::string& device) {
  const bool numbered = device.starts_with("cuda:") && device.size() > 5 && device.size() < 9 &&
                        std::all_of(device.begin() + 5, device.end(), [](unsigned char c) { return std::isdigit(c); });
  return device == "auto" || device == "cpu" || device == "cuda" || numbered;
}
void require_device(const std::string& device) { require(is_device(device), "--device", "auto, cpu, cuda or cuda:<number>", device); }

void require_threads(int threads) { require(threads >= 0 && threads <= 4096, "--threads", "between 0 and 4096", threads); }
void require_batch(int batch) { require(batch >= 1, "--batch", "at least 1", batch); }

void require_choice(const char* flag, const std::string& value) {
  const auto& allowed = choices(flag + 2);
  std::string list;
  for (std::size_t i = 0; i < allowed.size(); ++i) list += (i == 0 ? "" : i + 1 == allowed.size() ? " or " : ", ") + allowed[i];
  require(std::find(allowed.begin(), allowed.end(), value) != allowed.end(), flag, list.c_str(), value);
}

// Sets an option from a setting; false when the kinds differ.
bool assign(std::string& to, const Setting& from) {
  const auto* text = std::get_if<std::string>(&from);
  if (text) to = *text;
  return text;
}
bool assign(bool& to, const Setting& from) {
  const auto* flag = std::get_if<bool>(&from);
  if (flag) to = *flag;
  return flag;
}
bool assign(double& to, const Setting& from) {
  if (const auto* x = std::get_if<double>(&from)) to = *x;
  else if (const auto* n = std::get_if<std::int64_t>(&from)) to = static_cast<double>(*n);
  else return false;
  return true;
}
bool assign(std::int64_t& to, const Setting& from) {
  const auto* n = std::get_if<std::int64_t>(&from);
  if (n) to = *n;
  return n;
}
bool assign(int& to, const Setting& from) {
  const auto* n = std::get_if<std::int64_t>(&from);
  if (!n || *n != static_cast<int>(*n)) return false;
  to = static_cast<int>(*n);
  return true;
}

}  // namespace

const std::vector<std::string>& choices(const std::string& name) {
  static const std::map<std::string, std::vector<std::string>> all{
      {"precision", {"f32", "tf32", "bf16", "f16"}},
      {"optimizer", {"sgd", "adagrad", "rmsprop", "adam", "adamw"}},
      {"schedule", {"constant", "step", "cosine", "one-cycle", "plateau"}},
      {"split", {"train", "validation", "test"}},
  };
  static const std::vector<std::string> none;
  const auto found = all.find(name);
  return found == all.end() ? none : found->second;
}

void TrainOptions::check() const {
  require_device(device);
  for (const auto& [flag, value] : {std::pair{"--precision", &precision}, {"--optimizer", &optimizer}, {"--schedule", &schedule}}) require_choice(flag, *value);
  require(!data.empty(), "--data", "a dataset's name or a folder", data);
  require(epochs >= 1, "--epochs", "at least 1", epochs);
  require_batch(batch);
  require(std::isfinite(lr) && lr > 0, "--lr", "a positive number", lr);
  require(warmup >= 0 && warmup <= epochs, "--warmup", "between 0 and the number of epochs", warmup);
  require(momentum >= 0 && momentum < 1, "--momentum", "at least 0 and below 1", momentum);
  require(std::isfinite(weight_decay) && weight_decay >= 0, "--weight-decay", "0 or a positive number", weight_decay);
  require(label_smoothing >= 0 && label_smoothing < 1, "--label-smoothing", "at least 0 and below 1", label_smoothing);
  require(std::isfinite(clip) && clip >= 0, "--clip", "0 or a positive number", clip);
  require(ema >= 0 && ema < 1, "--ema", "at least 0 and below 1", ema);
  require(seed >= 0 && seed < std::numeric_limits<std::int64_t>::max(), "--seed", "at least 0 and below 2^63 - 1", seed);
  require_threads(threads);
  require(workers >= 0 && workers <= 256, "--workers", "between 0 and 256", workers);
  if (!resume.empty() && !out.empty()) throw Error("--resume continues a run in its own folder; leave out --out");
  if (!resume.empty() && force) throw Error("--resume continues a run and --force replaces one; give one of the two");
}

void EvalOptions::check() const {
  require_device(device);
  require_choice("--split", split);
  require_batch(batch);
  require_threads(threads);
}

void PredictOptions::check() const {
  require_device(device);
  require(top >= 1, "--top", "at least 1", top);
  require_threads(threads);
}

void SummaryOptions::check() const {
  parse_input(input);
  require(classes >= 1, "--classes", "at least 1", classes);
  require_batch(batch);
}

void BenchOptions::check() const {
  const auto each = [](const std::string& list, const auto& good) {
    const std::vector<std::string> words = split_list(list);
    return !words.empty() && std::all_of(words.begin(), words.end(), good);
  };
  require(each(device, is_device), "--device", "some of auto, cpu, cuda and cuda:<number>, with commas", device);
  require(each(dtype, [](const std::string& t) { return t == "f64" || t == "f32" || t == "tf32" || t == "f16" || t == "bf16"; }), "--dtype", "some of f64, f32, tf32, f16 and bf16, with commas", dtype);
  require(seconds > 0 && seconds <= 3600, "--seconds", "a positive number, at most 3600", seconds);
  require_threads(threads);
}

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c == ',') words.emplace_back();
    else words.back() += c;
  }
  return words;
}

std::array<int, 3> parse_input(const std::string& text) {
  std::array<int, 3> sizes{};
  const char *at = text.data(), *end = at + text.size();
  bool good = true;
  for (int i = 0; i < 3 && good; ++i) {
    if (i > 0) good = at != end && *at++ == 'x';
    const auto [after, error] = std::from_chars(at, end, sizes[i]);
    good = good && error == std::errc() && sizes[i] >= 1;
    at = after;
  }
  require(good && at == end, "--input", "channels x height x width, as in 3x32x32", text);
  return sizes;
}

Settings settings(const TrainOptions& options) {
  Settings result;
  TrainOptions::each(options, [&]<class T>(const char* name, const T& value, const char*) {
    if (not_in_config.count(name)) return;
    if constexpr (std::is_same_v<T, int>) result.emplace_back(name, static_cast<std::int64_t>(value));
    else result.emplace_back(name, value);
  });
  return result;
}

TrainOptions train_options(const Settings& settings, const std::string& source) {
  TrainOptions options;
  for (const auto& [name, value] : settings) {
    bool known = false, fits = true;
    TrainOptions::each(options, [&, &name = name, &value = value](const char* option, auto& member, const char*) {
      if (name != option || not_in_config.count(option)) return;
      known = true;
      fits = assign(member, value);
    });
    if (!known) throw Error(source + ": there is no option " + name);
    if (!fits) throw Error(source + ": " + name + " cannot be " + setting_text(value));
  }
  return options;
}

}  // namespace mica::tools
