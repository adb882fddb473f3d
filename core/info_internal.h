#pragma once
#include <string>
#include <utility>
#include <vector>
namespace mica {

// The GPU backend's part of build_info().
void add_cuda_info(std::vector<std::pair<std::string, std::string>>& parts);

}  // namespace mica
