#include "mica/cuda/choice.h"
#include <cuda_runtime.h>
#include <unistd.h>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <unordered_map>
#include "mica/core/config.h"
#include "mica/core/error.h"
#include "mica/core/log.h"
#include "mica/core/steady_state.h"
#include "mica/cuda/cublaslt_table.h"
#include "mica/cuda/cudnn_table.h"
#include "mica/cuda/launch.h"

namespace mica {
namespace {
const std::map<std::string, std::vector<std::string>>& known() {
  static const std::map<std::string, std::vector<std::string>> ops = {
      {"conv2d", {"mica", "cudnn", "cublaslt"}},    {"max_pool2d", {"mica", "cudnn"}}, {"avg_pool2d", {"mica", "cudnn"}}, {"batch_norm", {"mica", "cudnn"}}, {"softmax", {"mica", "cudnn"}},
      {"activation", {"mica", "cudnn"}}, {"linear", {"mica", "cublaslt"}},  {"matmul", {"mica", "cublaslt"}}};
  return ops;
}
std::string text_of(const ChoiceKey& key) {
  std::string text = key.op;
  for (int i = 0; i < key.n; ++i) text += (i ? "," : " ") + std::to_string(key.sizes[size_t(i)]);
  return text;
}
std::string text_of(const Choice& c) { return c.algorithm.empty() ? c.implementation : c.implementation + ":" + c.algorithm; }
std::string text_of(const std::map<std::string, Choice>& lines) {
  std::string all;
  for (const auto& [key, choice] : lines) all += key + " = " + text_of(choice) + "\n";
  return all;
}
Choice choice_of(const std::string& text) {
  const size_t colon = text.find(':');
  return {text.substr(0, colon), colon == std::string::npos ? "" : text.substr(colon + 1)};
}

struct KeyHash {
  size_t operator()(const ChoiceKey& k) const {
    uint64_t h = reinterpret_cast<uintptr_t>(k.op);
    for (int i = 0; i < k.n; ++i) h = (h ^ uint64_t(k.sizes[size_t(i)])) * 0x9e3779b97f4a7c15u, h ^= h >> 29;
    return h;
  }
};
struct KeyEqual {
  bool operator()(const ChoiceKey& a, const ChoiceKey& b) const { return a.op == b.op && a.n == b.n && a.sizes == b.sizes; }
};

class Book {
 public:
  Book() {
    if (const char* set = std::getenv("MICA_CUDA_CHOICES")) {
      const std::map<std::string, Choices> modes = {{"measured", Choices::measured}, {"fixed", Choices::fixed}, {"mica", Choices::mica}, {"libraries", Choices::libraries}};
      const auto found = modes.find(set);
      if (found == modes.end()) throw Error("MICA_CUDA_CHOICES is '" + std::string(set) + "'; it takes measured, fixed, mica or libraries");
      mode_ = found->second;
    }
    if (const char* set = std::getenv("MICA_CUDA_IMPLEMENTATION")) {
      std::istringstream list(set);
      for (std::string entry; std::getline(list, entry, ',');) {
        const size_t equals = entry.find('=');
        force(entry.substr(0, equals), equals == std::string::npos ? "?" : entry.substr(equals + 1));
      }
    }
  }
  void force(const std::string& op, const std::string& name) {
    const auto found = known().find(op);
    std::string names;
    if (found == known().end()) {
      for (const auto& [each, unused] : known()) names += " " + each;
      throw Error("set_implementation: '" + op + "' has one implementation only, or is no op; those with several are" + names);
    }
    for (const auto& each : found->second) names += " " + each;
    if (!name.empty() && std::find(found->second.begin(), found->second.end(), name) == found->second.end())
      throw Error("set_implementation: " + op + " has no implementation '" + name + "'; there are" + names);
    const std::lock_guard lock(mutex_);
    forced_[op] = name;
    now_.clear();
  }
  void set_mode(Choices mode) {
    const std::lock_guard lock(mutex_);
    mode_ = mode;
    now_.clear();
  }
  const Choice* find(const ChoiceKey& key) {
    const std::lock_guard lock(mutex_);
    const auto found = now_.find(key);
    return found == now_.end() ? nullptr : &found->second;
  }
  // By name; what the run that is resumed took; what an earlier process measured; the mode.
  std::string forced(const char* op) {
    const std::lock_guard lock(mutex_);
    return forced_[op];
  }
  std::optional<Choice> loaded(const ChoiceKey& key) {
    const std::lock_guard lock(mutex_);
    const auto found = loaded_.find(text_of(key));
    return found == loaded_.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<Choice> remembered(const Cuda& on, const ChoiceKey& key) {
    const std::lock_guard lock(mutex_);
    read(on);
    const auto found = measured_.find(text_of(key));
    return found == measured_.end() ? std::nullopt : std::optional(found->second);
  }
  Choices mode() {
    const std::lock_guard lock(mutex_);
    return mode_;
  }
  void keep(const ChoiceKey& key, const Choice& choice, bool was_measured) {
    const std::lock_guard lock(mutex_);
    now_[key] = choice;
    if (!was_measured) return;
    measured_[text_of(key)] = choice;
    write();
  }
  std::string text() {
    const std::lock_guard lock(mutex_);
    std::map<std::string, Choice> lines = loaded_;
    for (const auto& [key, choice] : now_) lines[text_of(key)] = choice;
    return text_of(lines);
  }
  void load(const std::string& text, const std::string& source) {
    std::map<std::string, Choice> lines = parse(text, source);
    const std::lock_guard lock(mutex_);
    loaded_ = std::move(lines);
    now_.clear();
  }

 private:
  // Throws IoError with the number of the first line that is not as text_of writes it.
  static std::map<std::string, Choice> parse(const std::string& text, const std::string& source) {
    std::map<std::string, Choice> lines;
    for (size_t begin = 0, number = 1; begin < text.size(); ++number) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      const std::string line = text.substr(begin, end - begin);
      begin = end + 1;
      const size_t equals = line.find(" = "), space = line.find(' ');
      const auto op = known().find(line.substr(0, space));
      const Choice choice = equals == std::string::npos ? Choice() : choice_of(line.substr(equals + 3));
      const bool good = op != known().end() && std::find(op->second.begin(), op->second.end(), choice.implementation) != op->second.end() &&
                        line.find_first_not_of("-0123456789,", space + 1) == equals;
      if (end == text.size()) throw IoError(source + ", line " + std::to_string(number) + ": the text ends in the middle of the line");
      if (!good || !lines.emplace(line.substr(0, equals), choice).second)
        throw IoError(source + ", line " + std::to_string(number) + ": '" + line.substr(0, 80) + "' is not OP SIZES = IMPLEMENTATION, or the second for these sizes");
    }
    return lines;
  }
  // The file of this GPU, driver and libraries: in MICA_CACHE, XDG_CACHE_HOME/mica or ~/.cache/mica.
  static std::filesystem::path path_for(const Cuda& on) {
    cudaDeviceProp properties{};
    int driver = 0, runtime = 0;
    if (cudaGetDeviceProperties(&properties, on.device) != cudaSuccess || cudaDriverGetVersion(&driver) != cudaSuccess || cudaRuntimeGetVersion(&runtime) != cudaSuccess) {
      cudaGetLastError();
      return {};
    }
    std::string name = std::string(properties.name) + "-driver" + std::to_string(driver) + "-cuda" + std::to_string(runtime) + "-cudnn" + (has_cudnn() ? cudnn_version() : "none") +
                       "-cublaslt" + (has_cublaslt() ? cublaslt_version() : "none") + "-mica" + version_text;
    for (char& c : name) if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-') c = '_';
    const char *own = std::getenv("MICA_CACHE"), *xdg = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
    const std::filesystem::path folder = own ? own : xdg ? std::filesystem::path(xdg) / "mica" : home ? std::filesystem::path(home) / ".cache" / "mica" : std::filesystem::path();
    return folder.empty() ? folder : folder / (name + ".choices");
  }
  void read(const Cuda& on) {
    if (!path_.empty() || tried_) return;
    tried_ = true;
    path_ = path_for(on);
    std::ifstream in(path_);
    std::stringstream text;
    if (path_.empty() || !in || !(text << in.rdbuf())) return;
    try { measured_ = parse(text.str(), path_.string()); } catch (const IoError& e) { log_warn(std::string(e.what()) + "; implementations are measured again"); }
  }
  // Whole and at once, so that two processes do not mix lines. What cannot be written is measured again by the next process.
  void write() const {
    if (path_.empty()) return;
    std::error_code error;
    std::filesystem::create_directories(path_.parent_path(), error);
    const std::filesystem::path fresh = path_.string() + "." + std::to_string(getpid());
    {
      std::ofstream out(fresh);
      if (!(out << text_of(measured_)).flush()) { std::filesystem::remove(fresh, error); return; }
    }
    std::filesystem::rename(fresh, path_, error);
  }

  std::mutex mutex_;
  Choices mode_ = Choices::measured;
  std::map<std::string, std::string> forced_;
  std::unordered_map<ChoiceKey, Choice, KeyHash, KeyEqual> now_;  // what calls take
  std::map<std::string, Choice> measured_, loaded_;                // what is on disk for this GPU; what load_choices was given
  std::filesystem::path path_;
  bool tried_ = false;
};
Book& book() { static Book& b = *new Book; return b; }

// Milliseconds of one call, the least of three; infinity where it is not supported.
double time_of(const Cuda& on, const Candidate& candidate) {
  if (!candidate.run()) return std::numeric_limits<double>::infinity();
  cudaEvent_t begin = nullptr, end = nullptr;
  check(cudaEventCreate(&begin), "cudaEventCreate");
  const std::unique_ptr<CUevent_st, void (*)(cudaEvent_t)> begin_owner(begin, [](cudaEvent_t e) { cudaEventDestroy(e); });
  check(cudaEventCreate(&end), "cudaEventCreate");
  const std::unique_ptr<CUevent_st, void (*)(cudaEvent_t)> end_owner(end, [](cudaEvent_t e) { cudaEventDestroy(e); });
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 3; ++i) {
    check(cudaEventRecord(begin, on.stream), "cudaEventRecord");
    candidate.run();
    check(cudaEventRecord(end, on.stream), "cudaEventRecord");
    check(cudaEventSynchronize(end), "cudaEventSynchronize");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
    least = std::min(least, double(milliseconds));
  }
  return least;
}
}  // namespace

std::vector<std::string> implementations(const std::string& op) {
  const auto found = known().find(op);
  return found == known().end() ? std::vector<std::string>() : found->second;
}
void set_implementation(const std::string& op, const std::string& name) { book().force(op, name); }
void set_choices(Choices choices) { book().set_mode(choices); }
std::string choices_text() { return book().text(); }
void load_choices(const std::string& text, const std::string& source) { book().load(text, source); }

const Choice* chosen(const Cuda&, const ChoiceKey& key) { return book().find(key); }

void choose(const Cuda& on, const ChoiceKey& key, std::vector<Candidate> candidates) {
  const Choices mode = book().mode();
  const std::string op = key.op;
  const bool library_first = mode == Choices::libraries || (mode != Choices::mica && (op == "conv2d" || op == "linear" || op == "matmul"));
  std::stable_partition(candidates.begin(), candidates.end(), [&](const Candidate& c) { return (c.choice.implementation == "mica") != library_first; });
  const std::string forced = book().forced(key.op);
  if (!forced.empty()) {
    for (const Candidate& c : candidates) if (c.choice.implementation == forced && c.run()) return book().keep(key, c.choice, false);
    throw Error("implementation '" + forced + "' was asked for, and does not support this call");
  }
  const auto take = [&](const Choice& earlier) {
    for (const Candidate& c : candidates) if (text_of(c.choice) == text_of(earlier) && c.run()) return book().keep(key, c.choice, false), true;
    return false;
  };
  if (mode == Choices::measured) if (const auto loaded = book().loaded(key)) {
    if (take(*loaded)) return;
    log_warn(text_of(key) + ": the choice that was loaded, " + text_of(*loaded) + ", does not work here; another one is taken");
  }
  std::erase_if(candidates, [](const Candidate& c) { return c.only_by_name; });
  // cuDNN does not say which of equal values gets the gradient of a maximum; mica's is the first.
  if (op == "max_pool2d" && mode != Choices::libraries) std::erase_if(candidates, [](const Candidate& c) { return c.choice.implementation != "mica"; });
  if (mode == Choices::measured && !MICA_EMULATED && candidates.size() > 1) {
    if (const auto earlier = book().remembered(on, key)) if (take(*earlier)) return;
    hidden_work("measures implementations");
    const Candidate* best = nullptr;
    double least = std::numeric_limits<double>::infinity();
    for (const Candidate& c : candidates) if (const double t = time_of(on, c); t < least) { least = t; best = &c; }
    if (best) {
      best->run();
      return book().keep(key, best->choice, true);
    }
  }
  for (const Candidate& c : candidates) if (c.run()) return book().keep(key, c.choice, false);
  throw Error("no implementation supports this call");
}

}  // namespace mica
