#include "mica/core/info.h"
#include <dnnl_version.h>
#include <dnnl.h>
#include <zlib.h>
#include "mica/core/config.h"
#include "mica/core/info_internal.h"
#include "mica/cpu/isa.h"

namespace mica {

std::string version() { return version_text; }

std::vector<std::pair<std::string, std::string>> build_info() {
#if defined(__clang__)
  const std::string compiler = "clang " + std::to_string(__clang_major__) + "." + std::to_string(__clang_minor__);
#else
  const std::string compiler = "g++ " + std::to_string(__GNUC__) + "." + std::to_string(__GNUC_MINOR__);
#endif
  const dnnl_version_t* dnnl = dnnl_version();
  std::vector<std::pair<std::string, std::string>> parts = {
          {"mica", version()},
          {"compiler", compiler},
          {"instruction set", std::string("x86-64-") + instruction_set()},
          {"oneDNN", std::to_string(dnnl->major) + "." + std::to_string(dnnl->minor) + "." + std::to_string(dnnl->patch)},
          {"zlib", zlibVersion()}};
#if MICA_HAS_CUDA
  add_cuda_info(parts);
#else
  parts.emplace_back("cuda", "not in this build");
#endif
  return parts;
}

}  // namespace mica
