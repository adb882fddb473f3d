#include <sys/mman.h>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>
#include "mica/core/error.h"
#include "mica/core/kernels.h"
// The CPU's caching allocator. Fresh memory costs a page fault per 4 KiB, nine times the work of a relu on it, so blocks are kept. They are
// cut from large segments. One that comes back waits unmerged for a request of its size: that costs no search, and each thread finds the part
// that it wrote the last time, still in its core's cache (a line that another core wrote costs up to ten times as much). Once what is held
// is twice what was ever in use, waiting blocks are merged with their free neighbours and cut anew, best fit first.
// Pages that were never touched cost nothing. Blocks of up to 2 KiB come from the small lists and are not counted.
namespace mica {
namespace {
constexpr size_t small = 2048, unit = 64, segment_bytes = size_t(256) << 20, huge_page = size_t(2) << 20;
#if defined(__SANITIZE_ADDRESS__)
constexpr bool caching = false;  // the sanitizer sees use after free and overruns of each block
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool caching = false;
#else
constexpr bool caching = true;
#endif
#else
constexpr bool caching = true;
#endif

size_t rounded(size_t bytes) { return (bytes + unit - 1) / unit * unit; }

struct Segment { char* base; size_t bytes, top; };  // above top: never handed out

class Cache final : public MemoryPool {
 public:
  void* get(size_t bytes) {
    std::lock_guard lock(mutex_);
    char* p = caching ? from_waiting(bytes) : nullptr;
    if (caching && !p) p = from_free(bytes);
    const int64_t most = 2 * most_in_use_;
    if (caching && !p && stats_.held + int64_t(bytes) > (stats_.limit ? std::min(stats_.limit, most) : most)) { merge_waiting(); p = from_free(bytes); }
    if (!p) p = grow(bytes);
    stats_.in_use += int64_t(bytes);
    most_in_use_ = std::max(most_in_use_, stats_.in_use);
    stats_.peak = std::max(stats_.peak, stats_.in_use);
    return p;
  }
  void put(void* data, size_t bytes) noexcept {
    std::lock_guard lock(mutex_);
    stats_.in_use -= int64_t(bytes);
    if (!caching) { stats_.held -= int64_t(bytes); std::free(data); return; }
    Waiting& list = waiting(bytes);
    if (list.bytes != bytes) { merge(list); list.bytes = bytes; }
    list.head = new (data) Block{list.head};
  }
  void give_back() override {  // pages of free blocks go back to the system; the address space stays
    std::lock_guard lock(mutex_);
    release_pages();
    most_in_use_ = stats_.in_use;
  }
  MemoryStats stats() override { std::lock_guard lock(mutex_); return stats_; }
  void reset_peak() override { std::lock_guard lock(mutex_); stats_.peak = stats_.in_use; stats_.held_peak = stats_.held; }
  void limit(int64_t bytes) override { std::lock_guard lock(mutex_); stats_.limit = bytes; }

 private:
  using Address = std::map<char*, size_t>::iterator;
  struct Block { Block* next; };
  struct Waiting { size_t bytes = 0; Block* head = nullptr; };  // of one size

  // The list of a size, or else one that may become it: an empty one, or the last resort.
  Waiting& waiting(size_t bytes) {
    const uint32_t first = uint32_t(bytes / unit) * 0x9e3779b9u >> 24;  // Knuth's multiplicative hash, 8 bits
    Waiting* other = nullptr;
    for (uint32_t i = first; i < first + 8; ++i) {
      Waiting& list = waiting_[i % 256];
      if (list.bytes == bytes) return list;
      if (!other && !list.head) other = &list;
    }
    return other ? *other : waiting_[first];
  }
  char* from_waiting(size_t bytes) {
    Waiting& list = waiting(bytes);
    if (list.bytes != bytes || !list.head) return nullptr;
    return reinterpret_cast<char*>(std::exchange(list.head, list.head->next));
  }
  void merge(Waiting& list) { while (list.head) merge(reinterpret_cast<char*>(std::exchange(list.head, list.head->next)), list.bytes); }
  void merge_waiting() { for (Waiting& list : waiting_) merge(list); }
  void merge(char* p, size_t bytes) {
    auto next = by_address_.lower_bound(p);
    if (next != by_address_.end() && next->first == p + bytes && !is_base(p + bytes)) { bytes += next->second; next = erase(next); }
    if (next != by_address_.begin()) {
      auto before = std::prev(next);
      if (before->first + before->second == p && !is_base(p)) { p = before->first; bytes += before->second; erase(before); }
    }
    insert(p, bytes);
  }
  bool is_base(const char* p) const { for (const Segment& s : segments_) if (s.base == p) return true; return false; }
  void insert(char* p, size_t bytes) { by_address_[p] = bytes; by_size_.insert({bytes, p}); }
  Address erase(Address at) { by_size_.erase({at->second, at->first}); return by_address_.erase(at); }

  char* from_free(size_t bytes) {
    const auto found = by_size_.lower_bound({bytes, nullptr});
    if (found == by_size_.end()) return nullptr;
    const auto [size, p] = *found;
    erase(by_address_.find(p));
    if (size > bytes) insert(p + bytes, size - bytes);
    return p;
  }
  char* grow(size_t bytes) {
    if (stats_.limit && stats_.held + int64_t(bytes) > stats_.limit) release_pages();
    if (stats_.limit && stats_.held + int64_t(bytes) > stats_.limit) fail(bytes, "the limit is " + std::to_string(stats_.limit));
    ++stats_.system_calls;
    char* p = nullptr;
    if (!caching) {
      p = static_cast<char*>(std::aligned_alloc(unit, bytes));
      if (!p) fail(bytes, "the system has no more");
    } else {
      Segment* segment = nullptr;
      for (Segment& s : segments_) if (s.bytes - s.top >= bytes) { segment = &s; break; }
      if (!segment) segment = new_segment(bytes);
      p = segment->base + segment->top;
      segment->top += bytes;
    }
    stats_.held += int64_t(bytes);
    stats_.held_peak = std::max(stats_.held_peak, stats_.held);
    return p;
  }
  Segment* new_segment(size_t bytes) {
    for (const size_t size : {std::max(segment_bytes, (bytes + huge_page - 1) / huge_page * huge_page), bytes}) {
      void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (p == MAP_FAILED) continue;
      madvise(p, size, MADV_HUGEPAGE);
      segments_.push_back({static_cast<char*>(p), size, 0});
      return &segments_.back();
    }
    fail(bytes, "the system has no more");
  }
  void release_pages() {
    merge_waiting();
    for (Segment& s : segments_)
      if (auto last = by_address_.lower_bound(s.base + s.top); last != by_address_.begin())
        if (--last; last->first >= s.base && last->first + last->second == s.base + s.top) {
          s.top -= last->second; stats_.held -= int64_t(last->second);
          drop_pages(last->first, last->second);
          erase(last);
        }
    for (auto& [p, bytes] : by_address_) drop_pages(p, bytes);
  }
  void drop_pages(char* p, size_t bytes) {
    const auto begin = (reinterpret_cast<uintptr_t>(p) + 4095) & ~uintptr_t(4095), end = reinterpret_cast<uintptr_t>(p + bytes) & ~uintptr_t(4095);
    if (begin < end) { madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED); ++stats_.system_calls; }
  }
  [[noreturn]] void fail(size_t bytes, const std::string& why) {
    throw MemoryError("out of memory on cpu: " + std::to_string(bytes) + " bytes asked, " + std::to_string(stats_.held) + " held, " +
                      std::to_string(stats_.held - stats_.in_use) + " of them free; " + why);
  }

  std::mutex mutex_;
  std::vector<Segment> segments_;
  Waiting waiting_[256];
  std::map<char*, size_t> by_address_;            // free blocks
  std::set<std::pair<size_t, char*>> by_size_;
  MemoryStats stats_;
  int64_t most_in_use_ = 0;                       // since the cache was last emptied
};
Cache& cache() { static Cache& c = *new Cache; return c; }  // never destroyed: tensors may outlive it
}  // namespace

void* acquire(const Cpu&, size_t bytes) { return bytes <= small ? small_get(std::max(bytes, unit)) : cache().get(rounded(bytes)); }
void release(const Cpu&, void* data, size_t bytes) noexcept {
  if (bytes <= small) small_put(data, std::max(bytes, unit)); else cache().put(data, rounded(bytes));
}

MemoryPool& memory_pool(const Cpu&) { return cache(); }

}  // namespace mica
