#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include "mica/core/device.h"

namespace mica {

// What a device's caching allocator holds, in bytes.
struct MemoryStats {
  int64_t in_use = 0, peak = 0;        // asked for by living tensors, and the most since the last reset
  int64_t held = 0, held_peak = 0;     // taken from the system: in use and kept for reuse
  int64_t system_calls = 0;            // times memory was taken from or given back to the system
  int64_t limit = 0;                   // 0: none
};
MemoryStats memory_stats(Device device = cpu);
void reset_peak_memory(Device device = cpu);                     // peaks start again from what is in use and held now
void set_memory_limit(int64_t bytes, Device device = cpu);       // on what is held; beyond it MemoryError is thrown. 0: no limit
void empty_cache(Device device = cpu);                           // gives kept blocks back to the system

// What each backend's allocator implements.
class MemoryPool {
 public:
  virtual MemoryStats stats() = 0;
  virtual void reset_peak() = 0;
  virtual void limit(int64_t bytes) = 0;
  virtual void give_back() = 0;
 protected:
  ~MemoryPool() = default;
};

// For objects that come and go with every op: memory from free lists of the calling thread. `bytes` must be the same on both calls.
void* small_get(size_t bytes);
void small_put(void* p, size_t bytes) noexcept;
struct Pooled {
  static void* operator new(size_t bytes) { return small_get(bytes); }
  static void operator delete(void* p, size_t bytes) noexcept { small_put(p, bytes); }
};

// Intrusive shared pointer. T derives from Counted and has a free function destroy(T*).
struct Counted {
  std::atomic<int> refs{0};
};
template <class T> class Ref {
 public:
  Ref() = default;
  explicit Ref(T* p) : p_(p) {  // a new object is known to nobody else: a plain store in place of a locked addition
    if (p_ && p_->refs.load(std::memory_order_relaxed) == 0) p_->refs.store(1, std::memory_order_relaxed); else count();
  }
  Ref(const Ref& other) : p_(other.p_) { count(); }
  Ref(Ref&& other) noexcept : p_(std::exchange(other.p_, nullptr)) {}
  Ref& operator=(Ref other) noexcept { std::swap(p_, other.p_); return *this; }
  ~Ref() {  // a sole owner needs no atomic subtraction: nobody else can be counting
    if (p_ && (unique() || p_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1)) destroy(p_);
  }
  bool unique() const { return p_->refs.load(std::memory_order_acquire) == 1; }
  T* get() const { return p_; }
  T* operator->() const { return p_; }
  T& operator*() const { return *p_; }
  explicit operator bool() const { return p_ != nullptr; }

 private:
  void count() { if (p_) p_->refs.fetch_add(1, std::memory_order_relaxed); }
  T* p_ = nullptr;
};

}  // namespace mica
