#pragma once
#include "mica/tests/emulator/stream.h"
// Pinned host memory (cudaMallocHost). In guard mode, from the call that queues a copy until the copy runs, the host cannot read or write what the
// copy writes, nor write what it reads: a missing synchronisation faults at the line that should have waited. Whole pages are guarded, and the
// last page where the copy ends with the allocation.
namespace mica::emulator {

void* allocate_pinned(size_t bytes);
bool free_pinned(void* p);
size_t pinned_allocations();
bool is_pinned(const void* p);
void pin(HostUse& use, const Origin& origin);
void unpin(const HostUse& use);
// While one lives all pinned memory can be touched: a task runs, and those behind it still hold theirs.
struct PinnedScope {
  PinnedScope();
  ~PinnedScope();
  PinnedScope(const PinnedScope&) = delete;
};
// "pinned memory which cudaMemcpyAsync called at x.cpp:7 still has to write", or empty.
std::string pinned_use(const void* p);

}  // namespace mica::emulator
