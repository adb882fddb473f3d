#pragma once
#include <map>
#include <string>
#include "mica/core/tensor.h"
// Files of named tensors in the safetensors format (https://github.com/huggingface/safetensors, "Format"): an 8-byte length, a JSON header,
// the values in row-major order.
namespace mica {

struct Safetensors {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;  // the header's __metadata__
};

// Writes the file whole or not at all: under a temporary name, flushed to the disk, renamed. Any strides, layouts and devices. Throws Error
// for an undefined tensor, a name that is not UTF-8, and the name __metadata__; IoError where the system refuses.
void save_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors, const std::map<std::string, std::string>& metadata = {});

// The file's tensors, on the CPU, row-major, in memory of their own. Every rule of the format is checked before memory is taken. Throws
// IoError, which names the file and the rule, for files that are missing, cut off, corrupt, or hold dtypes or ranks that mica has not.
Safetensors load_safetensors(const std::string& path);

}  // namespace mica
