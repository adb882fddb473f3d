#include "mica/tests/emulator/config.h"
#include <cstdio>
#include <cstdlib>
#include <string>

namespace mica::emulator {
namespace {
Config from_environment() {
  Config result;
  if (const char* workers = std::getenv("MICA_EMULATOR_WORKERS")) result.workers = std::atoi(workers);
  if (const char* guard = std::getenv("MICA_EMULATOR_GUARD")) result.guard = std::string(guard) == "1";
  if (const char* text = std::getenv("MICA_EMULATOR_ORDER")) {
    const std::string order = text;
    if (order == "reverse") result.order = Order::reverse;
    else if (order.starts_with("random:")) result.order = Order::random, result.seed = std::strtoull(text + 7, nullptr, 10);
    else if (order != "forward") {
      std::fprintf(stderr, "MICA_EMULATOR_ORDER is '%s'; it takes forward, reverse or random:SEED\n", text);
      std::exit(2);
    }
  }
  return result;
}
}  // namespace

Config& config() {
  static Config result = from_environment();
  return result;
}

}  // namespace mica::emulator
