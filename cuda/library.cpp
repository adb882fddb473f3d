#include "mica/cuda/library.h"
#include <dlfcn.h>
#include <link.h>
#include <cstdlib>
#include <sstream>
#include "mica/core/error.h"
#ifndef MICA_CUDA_LIBRARY_DIRS
#define MICA_CUDA_LIBRARY_DIRS ""
#endif
namespace mica {
namespace {
std::vector<std::string> folders() {
  const char* environment = std::getenv("MICA_CUDA_LIBRARIES");
  std::vector<std::string> result;
  for (const char* list : {environment ? environment : "", MICA_CUDA_LIBRARY_DIRS}) {
    std::istringstream in(list);
    for (std::string folder; std::getline(in, folder, ':');)
      if (!folder.empty()) result.push_back(folder + "/");
  }
  result.push_back("");  // the loader's own search
  return result;
}

std::string last_error() {
  const char* text = dlerror();
  return text ? text : "unknown error";
}
}  // namespace

Library::Library(const std::string& title, const std::vector<std::string>& names) : title_(title) {
  std::string tried;
  for (const auto& folder : folders())
    for (const auto& name : names) {
      handle_ = dlopen((folder + name).c_str(), RTLD_NOW | RTLD_LOCAL);
      if (handle_) {
        link_map* map = nullptr;
        path_ = dlinfo(handle_, RTLD_DI_LINKMAP, &map) == 0 && map ? map->l_name : folder + name;
        return;
      }
      tried += "\n  " + folder + name + ": " + last_error();
    }
  throw CudaError(title + " was not found (set MICA_CUDA_LIBRARIES to its folder). Tried:" + tried);
}

void* Library::function(const char* name) const {
  if (void* result = dlsym(handle_, name)) return result;
  throw CudaError(title_ + " in " + path_ + " lacks a function that mica uses: " + last_error());
}

}  // namespace mica
