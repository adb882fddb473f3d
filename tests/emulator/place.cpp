#include <dlfcn.h>
#include <link.h>
#include <unistd.h>
#include <cstdio>
#include <map>
#include <mutex>
#include "mica/tests/emulator/report.h"

namespace mica::emulator {
namespace {
std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string program() {
  char path[4096];
  const auto length = readlink("/proc/self/exe", path, sizeof path);
  return length > 0 ? std::string(path, size_t(length)) : std::string();
}

bool is_header_of_others(const std::string& path) {
  return path.starts_with("/usr/") || path.find("cuda/arch/") != std::string::npos || (path.find("tests/emulator/") != std::string::npos && (path.ends_with(".h") || path.find("/shim/") != std::string::npos));
}

std::string look_up(const void* code) {
  const auto unknown = [&] {
    char text[40];
    std::snprintf(text, sizeof text, "code at %p", code);
    return std::string(text);
  };
  Dl_info info;
  link_map* module = nullptr;
  if (!dladdr1(code, &info, reinterpret_cast<void**>(&module), RTLD_DL_LINKMAP) || !module) return unknown();
  // A return address belongs to the instruction before it. The program itself has no name here, and is moved only where it is a PIE.
  const uintptr_t address = reinterpret_cast<uintptr_t>(code) - 1 - module->l_addr;
  const std::string file = *module->l_name ? module->l_name : program();
  char command[5000];
  std::snprintf(command, sizeof command, "ASAN_OPTIONS= addr2line -i -e '%s' 0x%zx 2>/dev/null", file.c_str(), size_t(address));
  FILE* output = popen(command, "r");
  if (!output) return unknown();
  std::string result, innermost;
  char line[4096];
  while (std::fgets(line, sizeof line, output)) {
    const std::string text(line);
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || text[0] == '?') continue;
    const std::string path = text.substr(0, colon), number = text.substr(colon + 1, text.find_first_not_of("0123456789", colon + 1) - colon - 1);
    const std::string found = file_name(path) + ":" + number;
    if (innermost.empty()) innermost = found;
    if (result.empty() && !is_header_of_others(path)) result = found;
  }
  pclose(output);
  return !result.empty() ? result : !innermost.empty() ? innermost : unknown();
}
}  // namespace

std::string place(const std::source_location& where) { return file_name(where.file_name()) + ":" + std::to_string(where.line()); }

std::string place(const void* code) {
  static std::mutex mutex;
  static auto& known = *new std::map<const void*, std::string>;
  const std::lock_guard lock(mutex);
  auto& result = known[code];
  if (result.empty()) result = look_up(code);
  return result;
}

}  // namespace mica::emulator
