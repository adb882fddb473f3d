#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include "mica/core/memory.h"
// Small objects: free lists of each thread, and behind them a common stock. What is held stays close to the most that was used at once. Off
// under a sanitizer: it would hide use after free from it.
namespace mica {
namespace {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool pooled = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool pooled = false;
#else
constexpr bool pooled = true;
#endif
#else
constexpr bool pooled = true;
#endif

constexpr size_t step = 64, largest = 2048, chunk_bytes = size_t(256) << 10;
constexpr size_t most_spare = 32;  // free chunks kept of one size
constexpr size_t batch = 128;  // blocks that move between a thread and the common stock at once; a thread keeps at most twice as many of a size

struct Free { Free* next; };

// Blocks of one size are cut from chunks, which are aligned to their own size, so that a block finds its chunk. Chunks whose blocks are all free
// go back to the system, but for a few.
struct Chunk {
  Free* free = nullptr;
  char* fresh = nullptr;                      // from here to the end: never handed out, so that pages that are not needed stay untouched
  size_t n_free = 0, n = 0;
  Chunk *before = nullptr, *after = nullptr;  // in the list of chunks with free blocks
};
static_assert(sizeof(Chunk) <= step);
class Stock {
 public:
  // `count` free blocks of `bytes` each, as a list.
  Free* take(size_t bytes, size_t count) {
    std::lock_guard lock(mutex_);
    Free* list = nullptr;
    while (count > 0) {
      if (!chunks_) {
        if (!list) link(new_chunk(bytes));
        else break;  // fewer will do
      }
      Chunk* c = chunks_;
      spare_ -= c->n_free == c->n;
      for (; count > 0 && c->n_free > 0; --count, --c->n_free) {
        void* block = c->free ? std::exchange(c->free, c->free->next) : static_cast<void*>(std::exchange(c->fresh, c->fresh + bytes));
        list = new (block) Free{list};
      }
      if (c->n_free == 0) unlink(c);
    }
    return list;
  }
  void give(Free* list) noexcept {
    std::lock_guard lock(mutex_);
    while (list) {
      Free* block = std::exchange(list, list->next);
      Chunk* c = reinterpret_cast<Chunk*>(reinterpret_cast<uintptr_t>(block) & ~(chunk_bytes - 1));
      if (c->n_free == 0) link(c);
      c->free = new (block) Free{c->free};
      if (++c->n_free < c->n) continue;
      if (spare_ < most_spare) { ++spare_; continue; }
      unlink(c);
      std::free(c);
    }
  }

 private:
  static Chunk* new_chunk(size_t bytes) {
    void* p = std::aligned_alloc(chunk_bytes, chunk_bytes);
    if (!p) throw std::bad_alloc();
    Chunk* c = new (p) Chunk;
    c->fresh = static_cast<char*>(p) + step;  // behind this header
    c->n_free = c->n = (chunk_bytes - step) / bytes;
    return c;
  }
  void link(Chunk* c) {
    c->before = nullptr;
    c->after = chunks_;
    if (chunks_) chunks_->before = c;
    chunks_ = c;
    spare_ += c->n_free == c->n;
  }
  void unlink(Chunk* c) {
    (c->before ? c->before->after : chunks_) = c->after;
    if (c->after) c->after->before = c->before;
  }

  std::mutex mutex_;
  Chunk* chunks_ = nullptr;
  size_t spare_ = 0;  // chunks of the list that are wholly free
};
constinit Stock stocks[largest / step + 1];

struct List { Free* head; size_t length; };
constinit thread_local List lists[largest / step + 1] = {};
constinit thread_local bool ended = false;  // tensors may outlive the lists at the end of a thread

struct Drain {
  ~Drain() {
    ended = true;
    for (size_t i = 0; i <= largest / step; ++i) stocks[i].give(std::exchange(lists[i].head, nullptr));
  }
};
}  // namespace

void* small_get(size_t bytes) {
  const size_t size = (bytes + step - 1) / step;
  if (!pooled || size > largest / step) {
    if (void* p = std::aligned_alloc(step, size * step)) return p;
    throw std::bad_alloc();
  }
  List& list = lists[size];
  if (!list.head) {
    if (ended) return stocks[size].take(size * step, 1);
    static thread_local Drain drain;
    (void)drain;
    list.head = stocks[size].take(size * step, batch);
    list.length = 0;
    for (Free* block = list.head; block; block = block->next) ++list.length;
  }
  --list.length;
  return std::exchange(list.head, list.head->next);
}

void small_put(void* p, size_t bytes) noexcept {
  const size_t size = (bytes + step - 1) / step;
  if (!pooled || size > largest / step) return std::free(p);
  List& list = lists[size];
  if (ended) return stocks[size].give(new (p) Free{nullptr});
  if (list.length == 2 * batch) {  // the half that came first goes
    Free* last = list.head;
    for (size_t i = 1; i < batch; ++i) last = last->next;
    stocks[size].give(std::exchange(last->next, nullptr));
    list.length = batch;
  }
  list.head = new (p) Free{list.head};
  ++list.length;
}

}  // namespace mica
