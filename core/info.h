#pragma once
#include <string>
#include <utility>
#include <vector>

namespace mica {

std::string version();  // of mica: 0.1.0
// What this build was made with and runs on: compiler, backends, instruction set of the CPU kernels, versions of the libraries. Name and value,
// in the order in which people read them.
std::vector<std::pair<std::string, std::string>> build_info();

}  // namespace mica
