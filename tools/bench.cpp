// mica bench: every op's cases, by every implementation, beside what the machine can do.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include "mica/core/error.h"
#include "mica/core/info.h"
#include "mica/tools/bench_run.h"
#include "mica/tools/commands.h"
#include "mica/tools/interrupt.h"
#include "mica/tools/json.h"
#include "mica/tools/text.h"

namespace mica::tools {
namespace {

// The devices of the list, each once, the CPU first, so that a GPU's rows can be compared with it.
std::vector<Device> devices_of(const std::string& list) {
  std::vector<Device> all;
  const auto add = [&](Device d) { if (std::find(all.begin(), all.end(), d) == all.end()) all.push_back(d); };
  for (const std::string& word : split_list(list)) {
    if (word == "auto") add(cpu);
    add(device_from(word));
  }
  std::stable_sort(all.begin(), all.end(), [](Device a, Device b) { return a == cpu && b != cpu; });
  for (const Device d : all) empty({1}, {f32, d});  // throws for a GPU that is not there
  return all;
}

BenchType type_from(const std::string& name) { return name == "tf32" ? BenchType(f32, true) : name == "f64" ? f64 : name == "f32" ? f32 : name == "f16" ? f16 : bf16; }

std::string digits(double value) {  // three significant ones
  if (!std::isfinite(value)) return "-";
  return fixed(value, value >= 99.95 ? 0 : value >= 9.995 ? 1 : value >= 0.9995 ? 2 : 3);
}
std::string time_text(double seconds) {
  return seconds < 1e-3 ? digits(seconds * 1e6) + " us" : seconds < 1 ? digits(seconds * 1e3) + " ms" : digits(seconds) + " s ";
}
std::string error_text(double error) {
  if (std::isnan(error)) return "";
  if (error == 0) return "0";
  char text[32];
  std::snprintf(text, sizeof text, "%.1e", error);
  return text;
}

// The rows on the screen and in the file.
class Table {
 public:
  Table(const BenchOptions& o) : path_(o.json) {
    if (path_.empty()) return;
    file_.open(part());
    if (!file_) throw IoError("cannot write " + part());
  }
  ~Table() {
    std::error_code ignored;
    if (!path_.empty() && !closed_) std::filesystem::remove(part(), ignored);
  }
  void machine(const Settings& facts) {
    Json json = Json::object();
    json["table"] = "machine";
    for (const auto& [name, value] : facts) {
      std::cout << name << std::string(std::max<std::size_t>(name.size() + 1, 24) - name.size(), ' ') << setting_text(value) << "\n";
      json[name] = setting_text(value);
    }
    line(json);
  }
  void peaks(Device device, double copy, const std::vector<std::pair<BenchType, ArithmeticPeak>>& all) {
    copy_[to_string(device)] = copy;
    Json json{{"table", "peaks"}, {"device", to_string(device)}, {"copy_gb_s", json_number(copy / 1e9)}};
    std::cout << to_string(device) << ": copy " << digits(copy / 1e9) << " GB/s, read and written";
    for (const auto& [type, peak] : all) {
      peak_[{to_string(device), type}] = peak.flops;
      json[std::string(type.name()) + "_gflop_s"] = json_number(peak.flops / 1e9);
      std::cout << "; " << type.name() << " " << digits(peak.flops / 1e9) << " GFLOP/s (" << peak.of << ")";
    }
    std::cout << std::endl;
    line(json);
  }
  void head() {
    std::cout << "\nof limit: of the time that memory or arithmetic takes at the speeds above; over 100 %: what is moved stays in a cache.\n"
                 "GPU : CPU: how many times faster. error: largest difference from float64 to largest value, at a small size.\n\n"
              << "  pass      dtype  device   implementation        time      GB/s   GFLOP/s  of limit            GPU : CPU    error" << std::endl;
  }
  void begin(const BenchCase& c) { name_ = &c; sizes_.clear(); cpu_.clear(); }
  void row(const BenchRow& r) {
    ++rows;
    failures += r.failed;
    if (r.sizes != sizes_ || sizes_.empty()) std::cout << name_->op << (name_->text.empty() ? "" : " ") << name_->text << "  " << (sizes_ = r.sizes) << "\n";
    const double seconds = r.time.rounds > 0 ? r.time.seconds : NAN;
    const double memory = r.bytes / copy_[to_string(r.device)], arithmetic = r.operations > 0 ? r.operations / peak_[{to_string(r.device), r.type}] : 0;
    const bool by_arithmetic = arithmetic > memory;
    const double share = std::max(memory, arithmetic) / seconds;
    double ratio = NAN;
    const auto key = std::tuple(r.pass, r.type.dtype, r.sizes);
    if (r.device == cpu) cpu_[key] = seconds;
    else if (const auto found = cpu_.find(key); found != cpu_.end()) ratio = found->second / seconds;

    std::ostringstream text;
    const auto cell = [&](const std::string& value, int width, bool right = true) {
      const std::string space(static_cast<std::size_t>(std::max(1, width - columns(value))), ' ');
      text << (right ? space + value : value + space);
    };
    text << "  ";
    cell(name_of(r.pass), 10, false), cell(r.type.name(), 7, false), cell(to_string(r.device), 9, false), cell(r.implementation, 14, false);
    if (!r.problem.empty()) {
      text << (r.failed ? "  failed: " : "  not supported: ") << r.problem;
    } else {
      cell(std::isnan(seconds) ? "-" : (r.time.rounds < 5 ? "~" : "") + time_text(seconds), 12);
      cell(std::isnan(seconds) ? "-" : digits(r.bytes / seconds / 1e9), 10);
      cell(r.operations > 0 && !std::isnan(seconds) ? digits(r.operations / seconds / 1e9) : "-", 10);
      cell(std::isnan(seconds) ? "-" : fixed(share * 100, 0) + " %", 8);
      text << " ";
      cell(std::isnan(seconds) ? "" : by_arithmetic ? "arithmetic" : "memory", 10, false);
      cell(std::isnan(ratio) ? "" : digits(ratio), 11), cell(error_text(r.error), 9);
    }
    std::cout << text.str() << std::endl;

    Json json{{"table", "ops"}, {"op", name_->op}, {"case", name_->text}, {"sizes", r.sizes}, {"pass", name_of(r.pass)}, {"dtype", r.type.name()},
              {"device", to_string(r.device)}, {"implementation", r.implementation}};
    if (r.problem.empty()) {
      json["us"] = json_number(seconds * 1e6);
      json["gb_s"] = json_number(r.bytes / seconds / 1e9);
      json["gflop_s"] = json_number(r.operations > 0 ? r.operations / seconds / 1e9 : NAN);
      json["percent"] = json_number(share * 100);
      json["limit"] = std::isnan(seconds) ? Json() : Json(by_arithmetic ? "arithmetic" : "memory");
      json["gpu_cpu"] = json_number(ratio);
      json["error"] = json_number(r.error);
      json["rounds"] = r.time.rounds;
    } else {
      json[r.failed ? "failed" : "unsupported"] = r.problem;
    }
    line(json);
  }
  // The file takes its name.
  void close() {
    if (path_.empty()) return;
    file_.close();
    std::error_code error;
    if (!file_) throw IoError("cannot write " + part());
    std::filesystem::rename(part(), path_, error);
    if (error) throw IoError("cannot write " + path_ + ": " + error.message());
    closed_ = true;
  }
  int rows = 0, failures = 0;

 private:
  std::string part() const { return path_ + ".part"; }
  void line(const Json& json) {
    if (!path_.empty()) file_ << json.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  }
  std::string path_, sizes_;
  std::ofstream file_;
  bool closed_ = false;
  const BenchCase* name_ = nullptr;
  std::map<std::string, double> copy_;
  std::map<std::pair<std::string, BenchType>, double> peak_;
  std::map<std::tuple<Pass, DType, std::string>, double> cpu_;  // seconds, of the case
};

std::vector<const BenchCase*> chosen_cases(const std::string& filter) {
  std::vector<const BenchCase*> chosen;
  std::set<std::string> ops;
  for (const BenchCase& c : bench_cases()) {
    ops.insert(c.op);
    if (c.name().find(filter) != std::string::npos) chosen.push_back(&c);
  }
  std::string names;
  for (const std::string& op : ops) names += (names.empty() ? "" : ", ") + op;
  if (chosen.empty()) throw Error("--filter: no case has " + filter + " in its name; there are cases of " + names);
  return chosen;
}

}  // namespace

int bench(const BenchOptions& o) {
  if (o.threads > 0) set_threads(o.threads);
  const std::vector<const BenchCase*> cases = chosen_cases(o.filter);
  BenchSettings settings{.devices = devices_of(o.device), .types = {}, .budget = o.seconds, .small = o.small};
  for (const std::string& word : split_list(o.dtype))
    if (std::find(settings.types.begin(), settings.types.end(), type_from(word)) == settings.types.end()) settings.types.push_back(type_from(word));
  Table table(o);
  catch_interrupts();
  if (std::any_of(settings.types.begin(), settings.types.end(), [](const BenchType& t) { return t.tf32; }))
    std::cerr << "mica bench: only cuDNN's and cuBLASLt's convolutions and products have TF32; all else has no rows of it.\n";

  bool all_timed = true;
  Settings facts = versions();
  for (const auto& each : machine()) facts.push_back(each);
  table.machine(facts);
  for (const Device device : settings.devices) {
    if (!has_times(device)) {
      all_timed = false;
      std::cerr << "mica bench: " << to_string(device) << " is the emulated device: the CPU plays its threads one after another, so times would say nothing about a GPU. "
                << "Each case runs once, at its small size, for the errors.\n";
      continue;
    }
    std::vector<std::pair<BenchType, ArithmeticPeak>> peaks;
    for (const BenchType type : settings.types)
      if (!interrupted() && !(type.tf32 && device == cpu)) peaks.emplace_back(type, arithmetic_peak(device, type, o.seconds));
    if (device == cpu && std::find(settings.types.begin(), settings.types.end(), BenchType(f64)) == settings.types.end()) peaks.emplace_back(f64, arithmetic_peak(device, f64, o.seconds));
    if (!interrupted()) table.peaks(device, copy_speed(device, o.seconds).bytes_per_second, peaks);
  }
  table.head();
  for (const BenchCase* c : cases) {
    if (interrupted()) break;
    table.begin(*c);
    run_case(*c, settings, [&](const BenchRow& row) { table.row(row); });
  }
  table.close();
  std::cout << "\n" << table.rows << " rows" << (table.failures ? ", " + std::to_string(table.failures) + " failed" : "") << (interrupted() ? "; stopped before the end" : "")
            << (o.json.empty() ? "" : "; written to " + o.json) << std::endl;
  return interrupted() ? interrupt_exit_code() : table.failures ? 1 : all_timed ? 0 : bench_without_times;
}

}  // namespace mica::tools
