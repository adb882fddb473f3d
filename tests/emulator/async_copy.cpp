#include "mica/tests/emulator/async_copy.h"
#include <cstring>
#include <string>
#include "mica/tests/emulator/arena.h"
#include "mica/tests/emulator/block.h"
#include "mica/tests/emulator/race.h"
#include "mica/tests/emulator/report.h"
namespace mica::emulator {

void async_copy(void* shared, const void* global, bool take, const Place& where) {
  const void* const code = __builtin_return_address(0);
  Block& b = *current_block;
  const auto to = reinterpret_cast<uintptr_t>(shared), from = reinterpret_cast<uintptr_t>(global);
  const auto wrong = [&](const char* kind, const std::string& what) { report(kind, place(where), b.thread_name(b.running) + " calls cp_async at " + place(where) + what); };
  if (to % 16 || from % 16) return wrong("misaligned address", " with addresses that are no multiples of 16");
  if (!b.in_shared(shared)) return wrong("cp_async", " into memory that is not shared");
  if (take && !arena().contains(global)) return wrong("cp_async", " from memory that is not the device's");
  if constexpr (detects_races) {
    if (take) race::access(global, 16, false, false, code);
    race::access(shared, 16, true, false, code);
  }
  std::memset(shared, 0xff, 16);
  b.now().copies.push_back({shared, take ? global : nullptr, code, b.now().groups});
}

void async_commit() { ++current_block->now().groups; }

void async_wait(int pending) {
  auto& copies = current_block->now().copies;
  size_t done = 0;
  for (; done < copies.size() && copies[done].group + uint32_t(pending) < current_block->now().groups; ++done) {
    const auto& [to, from, code, group] = copies[done];
    if constexpr (detects_races) race::access(to, 16, true, false, code);
    if (from) std::memcpy(to, from, 16);
    else std::memset(to, 0, 16);
  }
  copies.erase(copies.begin(), copies.begin() + ptrdiff_t(done));
}

}  // namespace mica::emulator
