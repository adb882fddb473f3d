#include "mica/tests/emulator/device_wide.h"
#include <cstring>
#include <string>
#include <utility>
#include "mica/tests/emulator/arena.h"
#include "mica/tests/emulator/launch.h"
#include "mica/tests/emulator/race.h"
#include "mica/tests/emulator/report.h"
#include "mica/tests/emulator/runtime.h"
namespace mica::emulator {

cudaError_t device_wide(void* storage, size_t& bytes, size_t needed, cudaStream_t stream, const std::source_location& where, std::function<void()> body) {
  if (!storage) {
    bytes = needed;
    return cudaSuccess;
  }
  if (bytes < needed) return cudaErrorInvalidValue;
  {
    const std::lock_guard lock(runtime_mutex());
    if (!arena().find(storage, bytes)) {
      report("temporary storage", place(where), "the function called at " + place(where) + " is given " + std::to_string(bytes) +
                                                    " bytes of temporary storage that are no live device memory");
      return cudaErrorInvalidValue;
    }
  }
  return launch(nullptr, dim3(1), dim3(1), 0, stream, [=, body = std::move(body)] {
    if (!arena().find(storage, needed))
      return report("use after free", place(where), "the function called at " + place(where) + " uses temporary storage: " + arena().describe(storage));
    std::memset(storage, 0xff, needed);
    if (detects_races) race::access(storage, needed, true, false, nullptr);
    body();
  }, where);
}

void expect_apart(const void* a, size_t a_bytes, const void* b, size_t b_bytes, const std::source_location& where) {
  const char *from = static_cast<const char*>(a), *other = static_cast<const char*>(b);
  if (from < other + b_bytes && other < from + a_bytes)
    report("overlapping arrays", place(where), "the function called at " + place(where) + " is given arrays that overlap");
}

}  // namespace mica::emulator
