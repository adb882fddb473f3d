#include "mica/core/device.h"
#include <charconv>
#include "mica/core/config.h"
#include "mica/core/error.h"

namespace mica {

#if !MICA_HAS_CUDA
bool cuda_available() { return false; }
#endif

std::string to_string(Device d) { return d.kind == Device::Cpu ? "cpu" : "cuda:" + std::to_string(d.index); }

Device device_from(std::string_view name) {
  if (name == "cpu") return cpu;
  if (name == "auto") return cuda_available() && !MICA_EMULATED ? cuda() : cpu;
  int index = 0;
  const bool numbered = name.starts_with("cuda:");
  const auto end = name.data() + name.size();
  const auto parsed = numbered ? std::from_chars(name.data() + 5, end, index) : std::from_chars_result{end, std::errc()};
  if ((name != "cuda" && !numbered) || parsed.ptr != end || parsed.ec != std::errc() || index < 0)
    throw Error("there is no device named '" + std::string(name) + "'; use auto, cpu, cuda or cuda:N");
#if !MICA_HAS_CUDA
  throw Error("device " + std::string(name) + ": this build has no CUDA");
#endif
  return cuda(index);
}

}  // namespace mica
