#include "mica/cuda/cudnn_table.h"
#include "mica/core/config.h"
#include "mica/core/error.h"
#include "mica/cuda/library.h"
#if MICA_EMULATED
#include "mica/tests/emulator/cudnn_double.h"
#endif
namespace mica {
namespace {
Cudnn open() {
#if MICA_EMULATED
  return emulator::cudnn_double();
#else
  static const Library library("cuDNN", {"libcudnn.so." + std::to_string(CUDNN_MAJOR)});
  Cudnn table;
  table.each([&](const char* name, auto& function) { function = reinterpret_cast<std::decay_t<decltype(function)>>(library.function(name)); });
  return table;
#endif
}
}  // namespace

const Cudnn& cudnn() {
  static const Cudnn table = open();
  return table;
}

bool has_cudnn() {
  static const bool result = [] {
    try {
      return cudnn().create != nullptr;
    } catch (const CudaError&) {
      return false;
    }
  }();
  return result;
}

std::string cudnn_version() {
  if (!has_cudnn()) return "";
  const size_t v = cudnn().version();
  return std::to_string(v / 10000) + "." + std::to_string(v / 100 % 100) + "." + std::to_string(v % 100) + (MICA_EMULATED ? " (double of the emulated device)" : "");
}

}  // namespace mica
