#include "mica/tests/emulator/arena.h"
#include <sys/mman.h>
#include <algorithm>
#include <cstring>
#include <new>
#include <utility>
#include "mica/tests/emulator/asan.h"
#include "mica/tests/emulator/race.h"
#include "mica/tests/emulator/report.h"
namespace mica::emulator {
namespace {
constexpr size_t red_zone = 256, grain = 256, page = 4096;
constexpr unsigned char canary = 0xcb, fresh = 0xff, gone = 0xfe;  // fresh and gone are NaNs in every floating type
constexpr bool has_canaries = !address_sanitizer;                  // there the red zones are poisoned
size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }
}  // namespace

Arena& arena() {
  static Arena& result = *new Arena;
  return result;
}

Arena::Arena() : capacity_(config().memory) {
  void* memory = mmap(nullptr, capacity_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  begin_ = static_cast<char*>(memory);
}

void Arena::protect(bool accessible) {
  if (high_) mprotect(begin_, round_up(high_, page), accessible ? PROT_READ | PROT_WRITE : PROT_NONE);
  protected_ = !accessible;
}
void Arena::open() {
  if (open_++ == 0 && protected_) protect(true);
}
void Arena::close() {
  if (--open_ == 0 && config().guard) protect(false);
}
int Arena::shut() {
  if (open_ && config().guard) protect(false);
  return std::exchange(open_, 0);
}
void Arena::reopen(int scopes) {
  open_ = scopes;
  if (open_ && protected_) protect(true);
}

void* Arena::allocate(size_t bytes, const void* code) {
  const size_t total = round_up(bytes, grain) + 2 * red_zone;
  auto best = free_.end();
  for (auto i = free_.begin(); i != free_.end(); ++i)
    if (i->second >= total && (best == free_.end() || i->second < best->second)) best = i;
  char* start;
  if (best != free_.end()) {
    start = best->first;
    const size_t rest = best->second - total;
    free_.erase(best);
    if (rest) free_[start + total] = rest;
  } else {
    if (total > capacity_ - high_) {
      if (quarantine_.empty()) return nullptr;
      while (!quarantine_.empty()) release_oldest();  // better no quarantine than no memory
      return allocate(bytes, code);
    }
    start = begin_ + high_;
    const size_t before = round_up(high_, page);
    high_ += total;
    if (!protected_ && round_up(high_, page) > before) mprotect(begin_ + before, round_up(high_, page) - before, PROT_READ | PROT_WRITE);
  }
  const AccessScope access;
  char* p = start + red_zone;
  unpoison(start, total);
  std::memset(p, fresh, bytes);
  if (has_canaries) {
    std::memset(start, canary, red_zone);
    std::memset(p + bytes, canary, total - red_zone - bytes);
  }
  poison(start, red_zone);
  poison(p + bytes, total - red_zone - bytes);
  race::allocated(start, total, p, bytes);
  live_[p] = {bytes, code};
  blocks_[p] = {total, bytes, code, nullptr};
  in_use_ += bytes;
  return p;
}

void Arena::check_red_zones(char* p, const Block& b) const {
  if (!has_canaries) return;
  const auto intact = [](const char* from, const char* to) { return std::all_of(from, to, [](char c) { return static_cast<unsigned char>(c) == canary; }); };
  const char *start = p - red_zone, *end = start + b.bytes;
  if (intact(start, p) && intact(p + b.used, end)) return;
  const auto first_changed = [](const char* from, const char* to) { return std::find_if(from, to, [](char c) { return static_cast<unsigned char>(c) != canary; }); };
  const char* bad = first_changed(p + b.used, end);
  if (bad == end) bad = first_changed(start, p);
  report("out of bounds", place(b.allocated), "a kernel has written " + describe(bad) + " (found when it was freed at " + place(b.freed) +
                                                  "; the sanitizer and race builds name the line that writes)");
}

bool Arena::free(void* pointer, const void* code) {
  char* p = static_cast<char*>(pointer);
  const auto found = live_.find(p);
  if (found == live_.end()) return false;
  const AccessScope access;
  Block& b = blocks_[p];
  b.freed = code;
  check_red_zones(p, b);
  std::memset(p, gone, b.used);
  poison(p - red_zone, b.bytes);
  race::freed(p, b.used);
  in_use_ -= b.used;
  live_.erase(found);
  quarantine_.push_back(p);
  quarantined_ += b.bytes;
  while (quarantined_ > config().quarantine) release_oldest();
  return true;
}

// Ends the quarantine of the oldest block.
void Arena::release_oldest() {
  char* const p = quarantine_.front();
  quarantine_.pop_front();
  const size_t bytes = blocks_[p].bytes;
  quarantined_ -= bytes;
  blocks_.erase(p);
  auto here = free_.emplace(p - red_zone, bytes).first;
  if (const auto next = std::next(here); next != free_.end() && here->first + here->second == next->first) {
    here->second += next->second;
    free_.erase(next);
  }
  if (here != free_.begin())
    if (const auto previous = std::prev(here); previous->first + previous->second == here->first) {
      previous->second += here->second;
      free_.erase(here);
    }
}

const Allocation* Arena::find(const void* pointer, size_t bytes) const {
  const char* p = static_cast<const char*>(pointer);
  auto i = live_.upper_bound(const_cast<char*>(p));
  if (i == live_.begin()) return nullptr;
  --i;
  return p + bytes <= i->first + i->second.bytes ? &i->second : nullptr;
}

std::string Arena::describe(const void* pointer) const {
  char* p = const_cast<char*>(static_cast<const char*>(pointer));
  auto i = blocks_.upper_bound(p + red_zone);
  if (i == blocks_.begin()) return "device memory that was never allocated";
  --i;
  const char* first = i->first;
  const Block& b = i->second;
  if (p >= first - red_zone + b.bytes) return "device memory that is not allocated";
  std::string where;
  if (p < first) where = std::to_string(first - p) + " bytes before ";
  else if (p >= first + b.used) where = std::to_string(p - first - ptrdiff_t(b.used)) + " bytes behind ";
  else where = "byte " + std::to_string(p - first) + " of ";
  return where + "the " + std::to_string(b.used) + " bytes allocated at " + place(b.allocated) + (b.freed ? " and freed at " + place(b.freed) : "");
}

}  // namespace mica::emulator
