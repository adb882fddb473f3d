#include "mica/tests/emulator/grid.h"
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <numeric>
#include <thread>
#include "mica/tests/emulator/config.h"
#include "mica/tests/emulator/random.h"
namespace mica::emulator {
namespace {
// Threads that run one function together with the caller.
class Workers {
 public:
  ~Workers() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    begin_.notify_all();
    for (auto& t : threads_) t.join();
  }
  void run(int n, const std::function<void()>& job) {
    {
      const std::lock_guard lock(mutex_);
      while (int(threads_.size()) < n - 1) threads_.emplace_back([this, seen = round_] { loop(seen); });
      job_ = &job;
      active_ = int(threads_.size());
      ++round_;
    }
    begin_.notify_all();
    job();
    std::unique_lock lock(mutex_);
    end_.wait(lock, [&] { return active_ == 0; });
  }

 private:
  void loop(uint64_t seen) {
    for (;;) {
      std::unique_lock lock(mutex_);
      begin_.wait(lock, [&] { return stop_ || round_ != seen; });
      if (stop_) return;
      seen = round_;
      const auto* job = job_;
      lock.unlock();
      (*job)();
      lock.lock();
      if (--active_ == 0) end_.notify_all();
    }
  }
  std::mutex mutex_;
  std::condition_variable begin_, end_;
  std::vector<std::thread> threads_;
  const std::function<void()>* job_ = nullptr;
  uint64_t round_ = 0;
  int active_ = 0;
  bool stop_ = false;
};

std::vector<uint32_t> block_order(uint64_t n) {
  std::vector<uint32_t> order;
  if (config().order == Order::forward) return order;
  order.resize(n);
  std::iota(order.rbegin(), order.rend(), 0u);
  Random random{config().seed};
  if (config().order == Order::random)
    for (size_t i = n; i > 1; --i) std::swap(order[i - 1], order[random.below(unsigned(i))]);
  return order;
}
std::atomic<bool> failed{false};
}  // namespace

void device_failed() { failed = true; }
bool take_device_failure() { return failed.exchange(false); }

void run_grid(const Launch& launch) {
  const uint64_t blocks = uint64_t(launch.grid.x) * launch.grid.y * launch.grid.z;
  const uint64_t threads = blocks * launch.block.x * launch.block.y * launch.block.z;
  const auto order = block_order(blocks);
  std::atomic<uint64_t> next{0};
  const std::function<void()> work = [&] {
    Block& b = block();
    for (uint64_t i; (i = next++) < blocks;) b.run(launch, order.empty() ? i : order[i]);
  };
  constexpr uint64_t worth_waking = 4096;  // threads
  if (detects_races || config().workers < 2 || blocks < 2 || threads < worth_waking) return work();
  static Workers workers;
  workers.run(config().workers, work);
}

}  // namespace mica::emulator
