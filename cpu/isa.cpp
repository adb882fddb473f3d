#include "mica/cpu/isa.h"
#include <cstdlib>
#include <string_view>
#include "mica/core/error.h"

namespace mica {

Isa isa() {
  static const Isa chosen = [] {
    const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
    const char* forced = std::getenv("MICA_ISA");
    const std::string_view name = forced ? forced : "";
    if (name.empty()) return v4 ? Isa::v4 : v3 ? Isa::v3 : Isa::v2;
    if (name == "v2") return Isa::v2;
    if (name == "v3" && v3) return Isa::v3;
    if (name == "v4" && v4) return Isa::v4;
    throw Error("MICA_ISA is '" + std::string(name) + "'; this machine has v2" + (v3 ? ", v3" : "") + (v4 ? ", v4" : ""));
  }();
  return chosen;
}
const char* instruction_set() { return isa() == Isa::v4 ? "v4" : isa() == Isa::v3 ? "v3" : "v2"; }

}  // namespace mica
