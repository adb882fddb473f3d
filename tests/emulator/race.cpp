#include "mica/tests/emulator/race.h"
#include <cstring>
#include <unordered_map>
#include <utility>
#include <vector>
#include "mica/tests/emulator/arena.h"
#include "mica/tests/emulator/atomics.h"
#include "mica/tests/emulator/block.h"
#include "mica/tests/emulator/report.h"
#include "mica/tests/emulator/shadow.h"
#include "mica/tests/emulator/stream.h"
namespace mica::emulator::race {
namespace {
struct TaskName { uint32_t stream, count; Origin origin; };
struct Release { uint32_t block, epoch; uint16_t thread; };                  // what a fence and an atomic have published
struct Acquire { uint32_t epoch; uint16_t thread; uint32_t by_epoch; uint16_t by_thread; };

std::vector<TaskName> tasks{{0, 0, {""}}};                                   // by Access::task
Clock now;
bool running = false;
std::unordered_map<const void*, std::vector<Release>> released;                // by the word of the atomic, in this launch
std::unordered_map<uint32_t, Acquire> acquired;                                // by the block that released, in the block that runs
uint32_t current() { return uint32_t(tasks.size() - 1); }

// A block's accesses before a barrier are known to who acquired from it, and after the next barrier to all of that one's block.
bool visible(const Block& b, const Acquire& a) { return a.by_thread == b.running || a.by_epoch < b.epoch; }

bool ordered(const Access& before, bool shared) {
  if (before.task != current()) return now.knows(tasks[before.task].stream, tasks[before.task].count);
  if (!current_block || !current_block->active) return true;  // one copy
  Block& b = *current_block;
  if (before.block == b.number) {
    if (before.thread == b.running || before.epoch < b.epoch) return true;
    return before.thread / 32 == b.running / 32 && before.sync < b.warp().seen[b.running % 32][before.thread % 32];
  }
  if (shared) return true;  // another block's
  const auto found = acquired.find(before.block);
  if (found == acquired.end() || !visible(b, found->second)) return false;
  const Acquire& a = found->second;
  return before.epoch < a.epoch || (before.epoch == a.epoch && before.thread == a.thread);
}

std::string who(const Access& a) {
  std::string text = a.atomic ? "atomic access" : a.write ? "write" : "read";
  if (!a.code) return text + " by " + tasks[a.task].origin.text();
  text += " at " + place(a.code) + " by ";
  if (a.task == current()) return text + Block::thread_name(*current_block->launch, a.block, a.thread);
  return text + tasks[a.task].origin.text();
}
std::string key(const Access& a) { return a.code ? place(a.code) : tasks[a.task].origin.text(); }

std::string memory_name(const char* p, bool shared) {
  if (!shared) return arena().describe(p);
  for (const auto& range : current_block->shared_ranges)
    if (p >= range.begin - 64 && p < range.begin + range.bytes + 64) {
      const auto offset = p - range.begin, bytes = ptrdiff_t(range.bytes);
      const std::string where = offset < 0 ? std::to_string(-offset) + " bytes before" : offset >= bytes ? std::to_string(offset - bytes) + " bytes behind" : "byte " + std::to_string(offset) + " of";
      return where + " '" + range.name + "' in shared memory, which has " + std::to_string(bytes) + " bytes";
    }
  return "no variable in shared memory";
}

void conflict(const Access& before, const Access& after, const char* p, bool shared) {
  const bool streams = before.task != after.task;
  report(streams ? "race between streams" : "race", key(before) + "|" + key(after),
         who(before) + ", then " + who(after) + ", without " + (streams ? "an event or synchronisation" : before.block == after.block ? "a barrier" : "a fence and an atomic") +
             " between them: " + memory_name(p, shared));
}

void check(Cell& cell, const Access& me, const char* p, bool shared, bool in_kernel) {
  const auto meet = [&](const Access& other) {
    if (other.task && (other.bytes & me.bytes) && !(other.atomic && me.atomic) && !ordered(other, shared)) conflict(other, me, p, shared);
  };
  if (in_kernel && (cell.addressable & me.bytes) != me.bytes)
    return report(cell.freed ? "use after free" : "out of bounds", key(me), who(me) + ": " + memory_name(p, shared));
  if (in_kernel && !me.write && !(cell.initialised & me.bytes)) report("uninitialised memory", key(me), who(me) + ": " + memory_name(p, shared) + " was never written");
  meet(cell.write);
  if (me.write) {
    meet(cell.reads[0]);
    meet(cell.reads[1]);
    cell.write = me;
    cell.initialised |= me.bytes;
  } else {
    // Two readers are kept, of different threads where there are such: a later write must be ordered behind both.
    Access& first = cell.reads[0];
    if (first.task == me.task && first.block == me.block && first.thread != me.thread && first.epoch == me.epoch) cell.reads[1] = me;
    else {
      if (first.task && !(first.task == me.task && first.block == me.block)) cell.reads[1] = first;
      first = me;
    }
  }
}

void each_cell(const char* p, size_t bytes, bool write, bool atomic, const void* code, bool shared, bool in_kernel) {
  Access me{};
  me.task = current(), me.write = write, me.atomic = atomic, me.code = code;
  if (in_kernel) {
    const Block& b = *current_block;
    me.block = b.number, me.epoch = b.epoch, me.thread = uint16_t(b.running), me.sync = current_block->warp().syncs[b.running % 32];
  }
  const char* const end = p + bytes;
  while (p < end) {
    const unsigned first = unsigned(reinterpret_cast<uintptr_t>(p) % 4), n = unsigned(std::min<ptrdiff_t>(4 - first, end - p));
    me.bytes = uint8_t(((1u << n) - 1) << first);
    check(shadow_cell(p - first), me, p, shared, in_kernel);
    p += n;
  }
}
}  // namespace

void begin_task(uint32_t stream, uint32_t count, const Clock& clock, const Origin& origin) {
  if (!detects_races) return;
  tasks.push_back({stream, count, origin});
  now = clock;
  now.set(stream, count);
  running = true;
  released.clear();
}
void end_task() { running = false; }
void end_block() {
  if (!detects_races) return;
  acquired.clear();
  if (current_block)
    for (const auto& range : current_block->shared_ranges) shadow_reset(range.begin, range.bytes, false);
}
void shared_declared(char* p, size_t bytes) {
  if (detects_races) shadow_reset(p, bytes, true);
}
void allocated(char* begin, size_t total, char* p, size_t bytes) {
  if (!detects_races) return;
  shadow_reset(begin, total, false);
  shadow_reset(p, bytes, true);
}
void freed(char* p, size_t bytes) {
  if (detects_races) shadow_freed(p, bytes);
}
void copied(const void* p, size_t bytes, bool write) {
  if (detects_races && running && arena().contains(p)) each_cell(static_cast<const char*>(p), bytes, write, false, nullptr, false, false);
}

void access(const void* pointer, size_t bytes, bool write, bool atomic, const void* code) {
  Block* b = current_block;
  if (!b || !b->active) return;
  const char* p = static_cast<const char*>(pointer);
  const bool shared = b->in_shared(p);
  if (shared || arena().contains(p)) each_cell(p, bytes, write, atomic, code, shared, true);
}
}  // namespace mica::emulator::race

namespace mica::emulator {
void atomic_access(const void* p, size_t bytes, const void* code) {
  using namespace race;
  Block* b = current_block;
  if (!b || !b->active) return;
  race::access(p, bytes, true, true, code);
  auto& all = released[p];
  for (const auto& r : all)
    if (r.block != b->number) {
      const auto [found, fresh] = acquired.try_emplace(r.block);
      Acquire& a = found->second;
      if (fresh || a.epoch <= r.epoch) a = {r.epoch, r.thread, b->epoch, uint16_t(b->running)};
    }
  if (!b->now().fenced) return;
  b->now().fenced = false;
  std::erase_if(all, [&](const Release& r) { return r.block == b->number; });
  all.push_back({b->number, b->epoch, uint16_t(b->running)});
  for (const auto& [block, a] : acquired)  // what this thread knows it passes on
    if (visible(*b, a)) all.push_back({block, a.epoch, a.thread});
}
}  // namespace mica::emulator
