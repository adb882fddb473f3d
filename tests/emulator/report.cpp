#include "mica/tests/emulator/report.h"
#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <utility>

namespace mica::emulator {
namespace {
constexpr size_t most = 100;  // a loop that is wrong is wrong many times

struct Reports {
  std::mutex mutex;
  std::vector<Report> kept;
  std::set<std::pair<std::string, std::string>> seen;

  Reports() { std::atexit(at_exit); }
  static void at_exit();
};
Reports& reports() {
  static Reports& result = *new Reports;  // lives until the last destructor
  return result;
}
void Reports::at_exit() {
  const auto left = take_reports();
  for (const auto& [kind, text] : left) std::fprintf(stderr, "emulated device: %s: %s\n", kind.c_str(), text.c_str());
  if (left.empty()) return;
  std::fflush(nullptr);
  _exit(66);
}
}  // namespace

void report(const char* kind, const std::string& key, const std::string& text) {
  auto& all = reports();
  const std::lock_guard lock(all.mutex);
  if (all.kept.size() < most && all.seen.insert({kind, key}).second) all.kept.push_back({kind, text});
}

std::vector<Report> take_reports() {
  auto& all = reports();
  const std::lock_guard lock(all.mutex);
  all.seen.clear();
  return std::exchange(all.kept, {});
}

}  // namespace mica::emulator
