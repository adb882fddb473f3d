#pragma once
#include <cstdint>

namespace mica {

enum class Reduction : uint8_t { mean, sum, none };  // of the losses of a batch

}  // namespace mica
