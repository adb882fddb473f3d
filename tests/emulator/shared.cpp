#include <sys/mman.h>
#include <cstring>
#include <new>
#include "mica/tests/emulator/asan.h"
#include "mica/tests/emulator/block.h"
#include "mica/tests/emulator/race.h"
#include "mica/tests/emulator/report.h"
namespace mica::emulator {
namespace {
constexpr size_t red_zone = 128, static_limit = 48 << 10;
}  // namespace

Block::~Block() {
  if (!shared_begin) return;
  unpoison(shared_begin, shared_capacity);
  munmap(shared_begin, shared_capacity);
}

void* Block::shared(size_t bytes, size_t alignment) {
  if (!shared_begin) {
    void* memory = mmap(nullptr, shared_capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    shared_begin = static_cast<char*>(memory);
    poison(shared_begin, shared_capacity);
  }
  if (alignment < 16) alignment = 16;
  const size_t begin = (shared_used_ + red_zone + alignment - 1) / alignment * alignment;
  static_bytes_ += bytes;
  if (active && static_bytes_ > static_limit)
    report("shared memory", place(launch->where), "the kernel launched at " + place(launch->where) + " declares more than 48 KiB of shared memory");
  if (begin + bytes + red_zone > shared_capacity) abandon();
  shared_used_ = begin + bytes + red_zone;
  char* result = shared_begin + begin;
  unpoison(result, bytes);
  std::memset(result, 0xff, bytes);
  shared_ranges.push_back({result, bytes});
  race::shared_declared(result, bytes);
  return result;
}

}  // namespace mica::emulator
