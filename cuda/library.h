#pragma once
#include <string>
#include <vector>
namespace mica {

// A shared library that is opened when it is first needed, and stays open. Searched in the folders of MICA_CUDA_LIBRARIES (environment, separated
// by ':'), then in those of MICA_CUDA_LIBRARY_DIRS (set when mica is built), then where the loader looks.
class Library {
 public:
  // The first of `names` that opens. title is what people call it: "cuDNN". Throws CudaError, which lists every path tried and why it failed.
  Library(const std::string& title, const std::vector<std::string>& names);
  void* function(const char* name) const;  // throws CudaError where the library lacks it
  const std::string& path() const { return path_; }

 private:
  std::string title_, path_;
  void* handle_ = nullptr;
};

}  // namespace mica
