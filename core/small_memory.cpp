#include <cstdlib>
#include <new>
#include "mica/core/memory.h"
// Free lists for small objects, one set per thread. Off under a sanitizer: they would hide use after free from it.
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

constexpr size_t step = 64, largest = 2048, kept = 4096;  // bytes, bytes, blocks kept of one size
struct Free { Free* next; };
struct List { Free* head; size_t length; };
constinit thread_local List lists[largest / step + 1] = {};
constinit thread_local bool ended = false;  // tensors may outlive the lists at the end of a thread

struct Drain {
  ~Drain() {
    ended = true;
    for (List& list : lists)
      while (list.head) std::free(std::exchange(list.head, list.head->next));
  }
};

void* from_system(size_t bytes) {
  if (void* p = std::aligned_alloc(step, bytes)) return p;
  throw std::bad_alloc();
}
}  // namespace

void* small_get(size_t bytes) {
  const size_t rounded = (bytes + step - 1) / step * step;
  if (pooled && rounded <= largest)
    if (List& list = lists[rounded / step]; list.head) { --list.length; return std::exchange(list.head, list.head->next); }
  return from_system(rounded);
}

void small_put(void* p, size_t bytes) noexcept {
  const size_t rounded = (bytes + step - 1) / step * step;
  if (!pooled || rounded > largest || ended) return std::free(p);
  List& list = lists[rounded / step];
  if (list.length == kept) return std::free(p);
  if (!list.head) { static thread_local Drain drain; (void)drain; }
  list.head = new (p) Free{list.head};
  ++list.length;
}

}  // namespace mica
