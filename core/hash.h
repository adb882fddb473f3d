#pragma once
#include <map>
#include <string>
#include "mica/core/tensor.h"

namespace mica {

// A fingerprint of named tensors: XXH64 over names, dtypes, shapes and row-major values, as 16 hexadecimal digits. Memory layout and device do
// not count. It tells states of training apart; it is no defence against somebody who wants two to look alike.
std::string hash(const std::map<std::string, Tensor>& tensors);

}  // namespace mica
