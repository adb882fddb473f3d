#include "mica/tests/emulator/shadow.h"
#include <cstdlib>
#include <memory>
#include <unordered_map>
namespace mica::emulator::race {
namespace {
constexpr uintptr_t page = 4096;
struct Page { Cell cells[page / 4]; };

Page& page_of(uintptr_t number) {
  static auto& pages = *new std::unordered_map<uintptr_t, std::unique_ptr<Page>>;
  static uintptr_t last = 0;
  static Page* last_page = nullptr;  // most accesses are to the page of the one before
  if (number == last && last_page) return *last_page;
  auto& found = pages[number];
  if (!found) found = std::make_unique<Page>();
  last = number;
  return *(last_page = found.get());
}
uint8_t bits(uintptr_t cell, uintptr_t begin, uintptr_t end) {
  uint8_t result = 0;
  for (unsigned i = 0; i < 4; ++i)
    if (cell + i >= begin && cell + i < end) result |= uint8_t(1u << i);
  return result;
}
}  // namespace

Cell& shadow_cell(const char* p) {
  const auto address = reinterpret_cast<uintptr_t>(p);
  return page_of(address / page).cells[address % page / 4];
}

void shadow_reset(char* p, size_t bytes, bool addressable) {
  const auto begin = reinterpret_cast<uintptr_t>(p), end = begin + bytes;
  for (auto at = begin & ~uintptr_t(3); at < end; at += 4) {
    Cell& cell = shadow_cell(reinterpret_cast<const char*>(at));
    cell = {};
    if (addressable) cell.addressable = bits(at, begin, end);
  }
}

void shadow_freed(char* p, size_t bytes) {
  const auto begin = reinterpret_cast<uintptr_t>(p), end = begin + bytes;
  for (auto at = begin & ~uintptr_t(3); at < end; at += 4) {
    Cell& cell = shadow_cell(reinterpret_cast<const char*>(at));
    cell = {};
    cell.freed = true;
  }
}

}  // namespace mica::emulator::race
