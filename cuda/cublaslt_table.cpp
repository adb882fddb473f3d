#include "mica/cuda/cublaslt_table.h"
#include "mica/core/config.h"
#include "mica/core/error.h"
#include "mica/cuda/library.h"
#if MICA_EMULATED
#include "mica/tests/emulator/cublaslt_double.h"
#endif
namespace mica {
namespace {
CublasLt open() {
#if MICA_EMULATED
  return emulator::cublaslt_double();
#else
  static const Library library("cuBLASLt", {"libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR)});
  CublasLt table;
  table.each([&](const char* name, auto& function) { function = reinterpret_cast<std::decay_t<decltype(function)>>(library.function(name)); });
  return table;
#endif
}
}  // namespace

const CublasLt& cublaslt() {
  static const CublasLt table = open();
  return table;
}

bool has_cublaslt() {
  static const bool result = [] {
    try {
      return cublaslt().matmul != nullptr;
    } catch (const CudaError&) {
      return false;
    }
  }();
  return result;
}

std::string cublaslt_version() {
  if (!has_cublaslt()) return "";
  const size_t v = cublaslt().version();
  return std::to_string(v / 10000) + "." + std::to_string(v / 100 % 100) + "." + std::to_string(v % 100) + (MICA_EMULATED ? " (double of the emulated device)" : "");
}

}  // namespace mica
