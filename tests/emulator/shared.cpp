#include <sys/mman.h>
#include <algorithm>
#include <cstring>
#include <new>
#include "mica/tests/emulator/asan.h"
#include "mica/tests/emulator/block.h"
#include "mica/tests/emulator/race.h"
#include "mica/tests/emulator/report.h"
namespace mica::emulator {
namespace {
constexpr size_t red_zone = 128, static_limit = 48 << 10;
constexpr unsigned char canary = 0xcb;
constexpr bool has_canaries = !address_sanitizer && !detects_races;  // there the line that writes is named
}  // namespace

Block::~Block() {
  if (!shared_begin) return;
  unpoison(shared_begin, shared_capacity);
  munmap(shared_begin, shared_capacity);
}

void* Block::place_shared(size_t bytes, size_t alignment, const char* name) {
  if (!shared_begin) {
    void* memory = mmap(nullptr, shared_capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    shared_begin = static_cast<char*>(memory);
    poison(shared_begin, shared_capacity);
  }
  if (alignment < 16) alignment = 16;
  const size_t begin = (shared_used_ + red_zone + alignment - 1) / alignment * alignment;
  if (begin + bytes + red_zone > shared_capacity) return nullptr;
  char* const result = shared_begin + begin;
  if (has_canaries) {
    std::memset(shared_begin + shared_used_, canary, begin - shared_used_);
    std::memset(result + bytes, canary, red_zone);
  }
  shared_used_ = begin + bytes + red_zone;
  unpoison(result, bytes);
  std::memset(result, 0xff, bytes);
  shared_ranges.push_back({result, bytes, name});
  race::shared_declared(result, bytes);
  return result;
}

void* Block::shared(size_t bytes, size_t alignment, const char* name) {
  static_bytes_ += bytes;
  if (static_bytes_ > static_limit || static_bytes_ + launch->shared_bytes > launch->shared_limit)
    report("shared memory", place(launch->where),
           "the kernel launched at " + place(launch->where) + " declares " + std::to_string(static_bytes_) + " bytes of shared memory" +
               (static_bytes_ > static_limit ? ", more than 48 KiB"
                                             : " and is given " + std::to_string(launch->shared_bytes) + ", together more than " + std::to_string(launch->shared_limit)));
  void* const result = place_shared(bytes, alignment, name);
  if (!result) abandon();
  return result;
}

void Block::end_shared() {
  if (!shared_begin) return;
  const char* from = shared_begin;
  const auto check = [&](const char* to, const SharedRange& near) {
    const char* bad = has_canaries ? std::find_if(from, to, [](char c) { return static_cast<unsigned char>(c) != canary; }) : to;
    if (bad == to) return;
    const auto offset = bad - near.begin;
    report("out of bounds", place(launch->where) + near.name,
           "the kernel launched at " + place(launch->where) + " has written " + std::to_string(offset < 0 ? -offset : offset - ptrdiff_t(near.bytes)) + " bytes " +
               (offset < 0 ? "before" : "behind") + " '" + near.name + "' in shared memory, which has " + std::to_string(near.bytes) +
               " bytes (found at the end of block " + std::to_string(number) + "; the sanitizer and race builds name the line that writes)");
  };
  for (size_t i = 0; i < shared_ranges.size(); ++i) {
    check(shared_ranges[i].begin, shared_ranges[i ? i - 1 : 0]);
    from = shared_ranges[i].begin + shared_ranges[i].bytes;
  }
  if (!shared_ranges.empty()) check(shared_begin + shared_used_, shared_ranges.back());
  poison(shared_begin, shared_used_);
  shared_used_ = 0;
  shared_ranges.clear();
}

}  // namespace mica::emulator
