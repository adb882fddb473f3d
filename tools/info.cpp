// mica info, and what it prints, which every run's report keeps.
#include "mica/core/info.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <thread>

#include "mica/tools/commands.h"
#include "mica/tools/text.h"

namespace mica::tools {

Settings versions() {
  Settings all;
  for (const auto& [name, value] : build_info()) all.emplace_back(name, value);
  return all;
}

Settings machine() {
  Settings all;
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    all.emplace_back("processor", line.substr(std::min(line.size(), line.find(':') + 2)));
    break;
  }
  all.emplace_back("cores", static_cast<std::int64_t>(std::thread::hardware_concurrency()));
  all.emplace_back("threads", static_cast<std::int64_t>(threads()));
  all.emplace_back("memory", bytes_text(static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE)));
  utsname system{};
  if (uname(&system) == 0) all.emplace_back("system", std::string(system.sysname) + " " + system.release + " " + system.machine);
  return all;
}

int info() {
  std::size_t widest = 0;
  std::vector<Settings> parts = {versions(), machine()};
  parts[1].emplace_back("devices", std::string(cuda_available() ? "cpu, cuda" : "cpu"));
  for (const Settings& part : parts) for (const auto& [name, value] : part) widest = std::max(widest, name.size());
  for (const Settings& part : parts)
    for (const auto& [name, value] : part) std::cout << name << std::string(widest + 2 - name.size(), ' ') << setting_text(value) << "\n";
  std::cout << std::flush;
  return 0;
}

}  // namespace mica::tools
