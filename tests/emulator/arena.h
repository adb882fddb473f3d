#pragma once
#include <cstddef>
#include <deque>
#include <map>
#include <string>
// The device's memory.
namespace mica::emulator {

struct Allocation {
  size_t bytes;
  const void* code;  // who called cudaMalloc
};

// Best fit in one range of addresses. Around each allocation lie red zones; it begins as NaN, and its memory is used again only after
// Config::quarantine more bytes have been freed. In guard mode the range can be touched while an AccessScope lives only.
class Arena {
 public:
  Arena();
  void* allocate(size_t bytes, const void* code);  // nullptr if there is no room
  bool free(void* p, const void* code);            // false if p is no allocation
  bool contains(const void* p) const { return p >= begin_ && p < begin_ + capacity_; }
  // The live allocation that holds [p, p + bytes), or nullptr.
  const Allocation* find(const void* p, size_t bytes = 1) const;
  // "byte 12 of 256 allocated at x.cpp:5", "4 bytes behind 256 allocated at x.cpp:5", "..., freed at x.cpp:9"
  std::string describe(const void* p) const;
  size_t in_use() const { return in_use_; }
  size_t allocations() const { return live_.size(); }
  size_t capacity() const { return capacity_; }
  char* begin() const { return begin_; }

  void open();   // what AccessScope calls
  void close();
  int shut();    // what ShutScope calls; returns what reopen takes
  void reopen(int scopes);

 private:
  struct Block { size_t bytes, used; const void* allocated; const void* freed; };  // bytes with red zones, bytes asked for
  void protect(bool accessible);
  void check_red_zones(char* p, const Block& b) const;
  void release_oldest();

  char* begin_ = nullptr;
  size_t capacity_, high_ = 0, in_use_ = 0, quarantined_ = 0;
  int open_ = 0;
  bool protected_ = false;
  std::map<char*, Allocation> live_;
  std::map<char*, Block> blocks_;          // live and quarantined, by their first usable byte
  std::deque<char*> quarantine_;
  std::map<char*, size_t> free_;
};
Arena& arena();

// While one lives, device memory can be touched: around kernels and copies.
struct AccessScope {
  AccessScope() { arena().open(); }
  ~AccessScope() { arena().close(); }
  AccessScope(const AccessScope&) = delete;
};

// While one lives, device memory cannot be touched in guard mode, whatever AccessScopes are around it: for functions of the host in a stream.
struct ShutScope {
  ShutScope() : scopes(arena().shut()) {}
  ~ShutScope() { arena().reopen(scopes); }
  ShutScope(const ShutScope&) = delete;
  const int scopes;
};

}  // namespace mica::emulator
