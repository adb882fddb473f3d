#include "mica/tests/emulator/pinned.h"
#include <sys/mman.h>
#include <algorithm>
#include <map>
#include "mica/tests/emulator/config.h"
namespace mica::emulator {
namespace {
constexpr size_t page = 4096;
struct Page {
  int readers = 0, writers = 0;
  Origin last{""};
};
struct Pinned {
  size_t bytes;
  std::vector<Page> pages;
};
std::map<char*, Pinned>& all() {
  static auto& result = *new std::map<char*, Pinned>;
  return result;
}
std::map<char*, Pinned>::iterator find(const void* p) {
  auto i = all().upper_bound(const_cast<char*>(static_cast<const char*>(p)));
  if (i == all().begin()) return all().end();
  --i;
  return static_cast<const char*>(p) < i->first + i->second.bytes ? i : all().end();
}

int held = 0;       // uses that guard a page
bool open = false;  // by a PinnedScope

void protect(char* page_begin, const Page& p) { mprotect(page_begin, page, open || p.readers + p.writers == 0 ? PROT_READ | PROT_WRITE : p.writers ? PROT_NONE : PROT_READ); }
void protect_all() {
  for (auto& [begin, memory] : all())
    for (size_t i = 0; i < memory.pages.size(); ++i)
      if (memory.pages[i].readers + memory.pages[i].writers) protect(begin + i * page, memory.pages[i]);
}

void change(const HostUse& use, int by, const Origin* origin) {
  const auto found = find(use.p);
  if (found == all().end()) return;
  auto& [begin, memory] = *found;
  const auto from = size_t(static_cast<char*>(use.p) - begin), to = std::min(memory.bytes, from + use.bytes);
  const size_t first = (from + page - 1) / page, last = to == memory.bytes ? memory.pages.size() : to / page;
  for (size_t i = first; i < last; ++i) {
    Page& p = memory.pages[i];
    (use.write ? p.writers : p.readers) += by;
    if (origin) p.last = *origin;
    protect(begin + i * page, p);
  }
}
}  // namespace

void* allocate_pinned(size_t bytes) {
  const size_t pages = (bytes + page - 1) / page;
  void* memory = mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  all()[static_cast<char*>(memory)] = {bytes, std::vector<Page>(pages)};
  return memory;
}
bool free_pinned(void* p) {
  const auto found = all().find(static_cast<char*>(p));
  if (found == all().end()) return false;
  munmap(found->first, found->second.pages.size() * page);
  all().erase(found);
  return true;
}
size_t pinned_allocations() { return all().size(); }
bool is_pinned(const void* p) { return find(p) != all().end(); }

void pin(HostUse& use, const Origin& origin) {
  if (!config().guard) return;
  use.held = true;
  ++held;
  change(use, 1, &origin);
}
void unpin(const HostUse& use) {
  if (!use.held) return;
  --held;
  change(use, -1, nullptr);
}
PinnedScope::PinnedScope() {
  if (!held) return;
  open = true;
  protect_all();
}
PinnedScope::~PinnedScope() {
  if (!open) return;
  open = false;
  protect_all();
}

std::string pinned_use(const void* p) {
  const auto found = find(p);
  if (found == all().end()) return "";
  const Page& used = found->second.pages[size_t(static_cast<const char*>(p) - found->first) / page];
  if (used.readers + used.writers == 0) return "";
  return "pinned memory which " + used.last.text() + " still has to " + (used.writers ? "write" : "read");
}

}  // namespace mica::emulator
