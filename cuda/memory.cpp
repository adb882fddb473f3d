#include <cuda_runtime.h>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include "mica/core/kernels.h"
#include "mica/core/recorder.h"
#include "mica/core/steady_state.h"
#include "mica/cuda/launch.h"
#include "mica/cuda/queue.h"
// The caching allocator of a GPU. Blocks are cut from segments that come from the driver. What is freed in a queue can be used again in it at
// once, because the work is in order there: cudaMalloc and cudaFree, which wait for the whole device, do not happen in a steady state. A block
// of another queue is taken, after its queue's end, before the driver is asked for more.
// MICA_CUDA_CACHE=0 asks the driver for every block: memory checkers then see each one.
namespace mica {
namespace {
constexpr size_t unit = 512, small = size_t(1) << 20, small_segment = size_t(2) << 20, medium = size_t(10) << 20, medium_segment = size_t(20) << 20;

size_t rounded(size_t bytes) { return (bytes + unit - 1) / unit * unit; }

struct Block {
  char* p;
  size_t bytes;
  Queue* queue;            // where its memory was last used
  bool free = false;
  bool is_small;
  Queue* graph = nullptr;  // the queue of a recorded graph that writes it in every replay: until the graph is gone it returns there
  Block *before = nullptr, *behind = nullptr;  // neighbours in the segment
};
struct Earlier {
  bool operator()(const Block* a, const Block* b) const {
    if (a->is_small != b->is_small) return a->is_small < b->is_small;
    return a->bytes != b->bytes ? a->bytes < b->bytes : a->p < b->p;
  }
};

class DevicePool final : public MemoryPool {
 public:
  explicit DevicePool(int device) : device_(device) {
    const char* cache = std::getenv("MICA_CUDA_CACHE");
    caching_ = !cache || std::string(cache) != "0";
  }
  void* get(const Cuda& on, size_t asked) {
    const std::lock_guard lock(mutex_);
    const size_t bytes = caching_ ? rounded(asked) : std::max<size_t>(asked, 1);
    Block* block = from_free(*on.queue, bytes);
    if (!block && !recording()) block = from_others(on, bytes);
    if (!block) block = from_driver(on, bytes, asked);
    split(block, bytes);
    block->free = false;
    block->queue = on.queue;
    block->graph = recording() ? on.queue : nullptr;
    used_[block->p] = block;
    stats_.in_use += int64_t(block->bytes);
    stats_.peak = std::max(stats_.peak, stats_.in_use);
    return block->p;
  }
  void put(void* data, Queue* queue) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = used_.find(static_cast<char*>(data));
    Block* block = found->second;
    used_.erase(found);
    stats_.in_use -= int64_t(block->bytes);
    if (block->graph && block->graph->recorded) queue = block->graph;
    block->queue = queue;
    block->free = true;
    if (!caching_ && !(block->graph && block->graph->recorded)) { to_driver(block); return; }
    merge(block, block->behind);
    if (Block* before = block->before; merge(before, block)) block = before;
    free_[queue].insert(block);
  }
  void give_back() override {
    const std::lock_guard lock(mutex_);
    release_segments();
  }
  void adopt_closed(Queue* queue) {
    const std::lock_guard lock(mutex_);
    move_free(queue, [](const Queue* other) { return !other || (is_closed(*other) && !other->recorded); });
  }
  MemoryStats stats() override { const std::lock_guard lock(mutex_); return stats_; }
  void reset_peak() override { const std::lock_guard lock(mutex_); stats_.peak = stats_.in_use; stats_.held_peak = stats_.held; }
  void limit(int64_t bytes) override { const std::lock_guard lock(mutex_); stats_.limit = bytes; }

 private:
  using List = std::set<Block*, Earlier>;
  static List::iterator find(const List& list, size_t bytes) {
    Block key{nullptr, bytes, nullptr, true, bytes < small};
    const auto found = list.lower_bound(&key);
    return found == list.end() || (*found)->is_small == key.is_small ? found : list.end();
  }
  static Block* take(List& list, List::iterator at) { Block* block = *at; list.erase(at); return block; }
  Block* from_free(Queue& queue, size_t bytes) {
    const auto list = free_.find(&queue);
    if (list == free_.end()) return nullptr;
    const auto found = find(list->second, bytes);
    return found == list->second.end() ? nullptr : take(list->second, found);
  }
  Block* from_others(const Cuda& on, size_t bytes) {
    for (auto& [queue, list] : free_) {
      if (queue == on.queue || (queue && queue->recorded)) continue;
      const auto found = find(list, bytes);
      if (found == list.end()) continue;
      if (queue) wait_for(on, *queue);  // where it throws, the block is still in its list
      return take(list, found);
    }
    return nullptr;
  }
  Block* from_driver(const Cuda& on, size_t bytes, size_t asked) {
    size_t segment = bytes;
    if (caching_) segment = bytes < small ? small_segment : bytes < medium ? medium_segment : (bytes + small_segment - 1) / small_segment * small_segment;
    void* p = nullptr;
    hidden_work("takes memory from the driver", true);
    auto ask = [&] {
      if (stats_.limit && stats_.held + int64_t(segment) > stats_.limit) return false;
      ++stats_.system_calls;
      const cudaError_t error = cudaMalloc(&p, segment);
      if (error == cudaSuccess) return true;
      cudaGetLastError();
      if (error != cudaErrorMemoryAllocation) check(error, "cudaMalloc");
      return false;
    };
    if (!ask()) {
      release_segments();
      if (!ask()) {
        segment = bytes;
        if (!ask()) fail(asked);
      }
    }
    stats_.held += int64_t(segment);
    stats_.held_peak = std::max(stats_.held_peak, stats_.held);
    return new Block{static_cast<char*>(p), segment, on.queue, true, bytes < small};
  }
  // The rest of a block that is larger than asked becomes a free block of its own.
  void split(Block* block, size_t bytes) {
    if (!caching_ || block->bytes - bytes < (block->is_small ? unit : small)) return;
    Block* rest = new Block{block->p + bytes, block->bytes - bytes, block->queue, true, block->is_small, nullptr, block, block->behind};
    if (rest->behind) rest->behind->before = rest;
    block->behind = rest;
    block->bytes = bytes;
    free_[rest->queue].insert(rest);
  }
  // `behind` becomes part of `block` where both are free in one queue; one of them is in no list.
  bool merge(Block* block, Block* behind) {
    if (!block || !behind || !block->free || !behind->free || block->queue != behind->queue) return false;
    auto& list = free_[block->queue];
    list.erase(block);
    list.erase(behind);
    block->bytes += behind->bytes;
    block->behind = behind->behind;
    if (block->behind) block->behind->before = block;
    delete behind;
    return true;
  }
  void to_driver(Block* block) noexcept {
    ++stats_.system_calls;
    stats_.held -= int64_t(block->bytes);
    cudaFree(block->p);  // waits for the device
    delete block;
  }
  // What is free in the queues that `which` names is free in `to`, and whole again; returns that list.
  template <class F> List& move_free(Queue* to, F which) {
    auto& list = free_[to];
    for (auto& [queue, other] : free_) {
      if (queue == to || !which(queue)) continue;
      for (Block* block : other) { block->queue = to; list.insert(block); }
      other.clear();
    }
    std::vector<Block*> first;  // of neighbours that become one: these outlive it
    for (Block* block : list) if (!block->before || !block->before->free || block->before->queue != to) first.push_back(block);
    for (Block* block : first) while (merge(block, block->behind)) list.insert(block);
    return list;
  }
  // Gives whole segments back. Once the device is idle it does not matter in which queue a block was freed.
  void release_segments() noexcept {
    if (recording()) return;  // it may not wait now
    if (cudaDeviceSynchronize() != cudaSuccess) cudaGetLastError();
    auto& idle = move_free(nullptr, [](const Queue* queue) { return !queue || !queue->recorded; });
    for (auto i = idle.begin(); i != idle.end();) {
      Block* block = *i;
      const bool whole = !block->before && !block->behind;
      i = whole ? idle.erase(i) : std::next(i);
      if (whole) to_driver(block);
    }
  }
  [[noreturn]] void fail(size_t asked) {
    size_t free = 0, total = 0;
    if (cudaMemGetInfo(&free, &total) != cudaSuccess) cudaGetLastError();
    throw MemoryError("out of memory on cuda:" + std::to_string(device_) + ": " + std::to_string(asked) + " bytes asked, " + std::to_string(stats_.held) + " held, " +
                      std::to_string(stats_.held - stats_.in_use) + " of them free; " +
                      (stats_.limit ? "the limit is " + std::to_string(stats_.limit) : "the GPU has " + std::to_string(free) + " of " + std::to_string(total) + " bytes free"));
  }

  int device_;
  bool caching_;
  std::mutex mutex_;
  std::map<Queue*, List> free_;
  std::map<char*, Block*> used_;
  MemoryStats stats_;
};

DevicePool& pool_of(int device) {
  static std::mutex mutex;
  static std::map<int, DevicePool*>& pools = *new std::map<int, DevicePool*>;  // never destroyed: tensors may outlive them
  const std::lock_guard lock(mutex);
  DevicePool*& pool = pools[device];
  if (!pool) pool = new DevicePool(device);
  return *pool;
}
}  // namespace

void* acquire(const Cuda& on, size_t bytes) { return bytes ? pool_of(on.device).get(on, bytes) : nullptr; }
void release(const Cuda& on, void* data, size_t) noexcept { if (data) pool_of(on.device).put(data, on.queue); }
void adopt_closed(const Cuda& on) { pool_of(on.device).adopt_closed(on.queue); }
MemoryPool& memory_pool(const Cuda& on) { return pool_of(on.device); }

}  // namespace mica
