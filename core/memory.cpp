#include "mica/core/memory.h"
#include "mica/core/error.h"
#include "mica/core/kernels.h"

namespace mica {
namespace {
MemoryPool& pool(Device device) {
  return std::visit([](const auto& on) -> MemoryPool& { return memory_pool(on); }, context(device));
}
}  // namespace
MemoryStats memory_stats(Device device) { return pool(device).stats(); }
void reset_peak_memory(Device device) { pool(device).reset_peak(); }
void set_memory_limit(int64_t bytes, Device device) {
  if (bytes < 0) throw Error("set_memory_limit: " + std::to_string(bytes) + " bytes");
  pool(device).limit(bytes);
}
void empty_cache(Device device) { pool(device).give_back(); }

}  // namespace mica
