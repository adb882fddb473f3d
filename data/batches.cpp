#include "mica/data/batches.h"
#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <string>
#include <system_error>
#include <thread>
#include "mica/core/context.h"
#include "mica/core/kernels.h"
#include "mica/core/philox.h"
#include "mica/core/random.h"
#include "mica/core/stream.h"
#include "mica/cpu/parallel.h"

namespace mica {

std::vector<int64_t> shuffled_rows(int64_t n, uint64_t seed, int64_t epoch) {
  if (n < 0) throw Error("shuffled_rows: n is " + std::to_string(n));
  constexpr uint64_t stream = uint64_t(1) << 63;  // apart from augmentation and the calls that random ops count
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  Philox p{};
  for (uint64_t k = 0, left = uint64_t(n); left > 1; ++k, --left) {  // 64 bits a number, multiplied into [0, left)
    if (k % 2 == 0) p = philox(seed, stream | uint64_t(epoch), k / 2);
    const uint64_t bits = uint64_t(p.word[k % 2 * 2]) << 32 | p.word[k % 2 * 2 + 1];
    std::swap(order[left - 1], order[uint64_t((unsigned __int128)(bits) * left >> 64)]);
  }
  return order;
}

namespace detail {
namespace {
void check(bool right, const char* what, int64_t value, const std::string& rule) {
  if (!right) throw Error(std::string("batches: ") + what + " is " + std::to_string(value) + "; it is " + rule);
}
struct Slot {
  std::vector<Tensor> tensors;
  std::exception_ptr failed;
  bool ready = false;
};
}  // namespace

struct BatchStream::State {
  const BatchSource source;
  const BatchOptions options;
  FinishBatch finish;          // on options.device; empty where the dataset's batches are complete
  int64_t count = 0;           // batches in an epoch
  int64_t passes = 0;
  BatchContext context;
  std::vector<int64_t> order;  // of rows; empty without shuffle

  std::mutex mutex;            // of all below
  std::condition_variable free, filled;
  int64_t taken = 0;           // batches before this one are with the consumer
  int64_t claimed = 0;         // batches before this one are in the ring or in a worker's hands
  bool stopping = false;
  std::vector<Slot> ring;      // batch b is in slot b % size, once taken + size > b
  std::vector<std::jthread> workers;
  std::optional<Stream> uploads;  // to a GPU: the stream of copies, and the batch that is being copied
  Slot coming;

  State(BatchSource from, const BatchOptions& o) : source(std::move(from)), options(o) {
    const int64_t rows = source.rows;
    check(rows >= 0, "the dataset's size", rows, "at least 0");
    check(o.size >= 1, ".size", o.size, "at least 1");
    check(o.epoch >= 0, ".epoch", o.epoch, "at least 0");
    check(o.workers >= 0 && o.workers <= 1024, ".workers", o.workers, "from 0 to 1024");
    check(o.prefetch >= 1 && o.prefetch <= 1024, ".prefetch", o.prefetch, "from 1 to 1024");
    count = rows / o.size + (rows % o.size && !o.drop_last);
    check(o.first_batch >= 0 && o.first_batch <= count, ".first_batch", o.first_batch, "from 0 to " + std::to_string(count) + ", the number of batches");
    mica::context(o.device);  // throws where this build has no such device
    context.augment = o.augment;
    draw(o.augment, 0, 0, 0);  // checks it
    const bool augmented = o.augment != Augment{};
    if (augmented && !source.augments) throw Error("batches: .augment is for datasets with batch(rows, context); this one has get(i) only");
    if (!is_float(o.dtype)) throw Error(std::string("batches: .dtype is ") + name_of(o.dtype) + "; it is a float dtype");
    if (o.dtype != f32 && !source.finish) throw Error("batches: .dtype is for datasets with finish(device, dtype); this one's batches have dtypes of their own");
    if (source.finish && o.device == cpu) finish = source.finish(cpu, o.dtype);
    if (o.seed) context.seed = *o.seed;
    else if (o.shuffle || augmented) {
      const RandomState at = next_random_call();
      const Philox p = philox(at.seed, at.call, 0);
      context.seed = uint64_t(p.word[0]) << 32 | p.word[1];
    }
  }
  ~State() { stop(); }

  void stop() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
    }
    free.notify_all();
    workers.clear();  // joins
    ring.clear();
    coming = {};
    stopping = false;
  }
  void start() {
    stop();
    taken = claimed = passes ? 0 : options.first_batch;
    context.epoch = options.epoch + passes++;
    if (options.shuffle) order = shuffled_rows(source.rows, context.seed, context.epoch);
    const int64_t n = std::min<int64_t>(options.workers, count - taken);
    ring.resize(size_t(n * options.prefetch));
    try {
      for (int64_t i = 0; i < n; ++i) workers.emplace_back([this] { work(); });
    } catch (const std::system_error& e) {
      stop();
      throw Error("batches: worker " + std::to_string(workers.size() + 1) + " of " + std::to_string(n) + " could not be started: " + e.what());
    }
  }
  // What the dataset made of its rows, finished if that is done on the CPU.
  std::vector<Tensor> made(int64_t batch) const {
    const int64_t begin = batch * options.size, n = std::min(options.size, source.rows - begin);
    std::vector<int64_t> in_order;
    if (order.empty()) {
      in_order.resize(size_t(n));
      std::iota(in_order.begin(), in_order.end(), begin);
    }
    const NoGrad no_grad;
    std::vector<Tensor> tensors = source.make(order.empty() ? std::span<const int64_t>(in_order) : std::span(order).subspan(size_t(begin), size_t(n)), context);
    if (options.device == cpu && finish) tensors = finish(tensors);
    for (const Tensor& x : tensors)
      if (x ? x.rank() == 0 || x.size(0) != n : !source.finish)
        throw Error("batches: the dataset's batch(rows, context) returned " + describe(x) + " for " + std::to_string(n) + " rows");
    return tensors;
  }
  void work() {
    const SerialScope alone;
    std::unique_lock lock(mutex);
    while (true) {
      free.wait(lock, [&] { return stopping || claimed == count || claimed < taken + int64_t(ring.size()); });
      if (stopping || claimed == count) return;
      const int64_t batch = claimed++;
      lock.unlock();
      Slot slot;
      try { slot.tensors = made(batch); }
      catch (...) { slot.failed = std::current_exception(); }
      slot.ready = true;
      lock.lock();
      ring[size_t(batch) % ring.size()] = std::move(slot);
      filled.notify_one();
    }
  }
  // The copy of the batch after this one is already on its way when this one is used: in a stream of its own, beside the work on this one.
  std::vector<Tensor> next_on_device() {
    if (!uploads) {
      uploads.emplace(options.device);
      const OnStream on(*uploads);
      if (source.finish) finish = source.finish(options.device, options.dtype);
    }
    auto upload = [&] {
      const OnStream on(*uploads);
      const NoGrad no_grad;
      coming = {};
      try {
        coming.tensors = next();
        for (Tensor& x : coming.tensors) if (x) x = to(x, options.device);
        if (finish && !coming.tensors.empty()) coming.tensors = finish(coming.tensors);
      } catch (...) {
        coming.failed = std::current_exception();
      }
      coming.ready = true;
    };
    if (!coming.ready) upload();
    if (coming.failed) std::rethrow_exception(std::exchange(coming, {}).failed);
    std::vector<Tensor> tensors = std::move(coming.tensors);
    for (const Tensor& x : tensors) use(mica::context(options.device), x);  // the caller's stream waits for this batch, and not for the next one too
    if (tensors.empty()) coming = {}; else upload();
    return tensors;
  }
  std::vector<Tensor> next() {
    if (taken == count) return stop(), std::vector<Tensor>();
    if (workers.empty()) {
      const int64_t batch = std::exchange(taken, count);  // an exception ends the pass
      std::vector<Tensor> tensors = made(batch);
      taken = batch + 1;
      return tensors;
    }
    Slot slot;
    {
      std::unique_lock lock(mutex);
      Slot& mine = ring[size_t(taken) % ring.size()];
      filled.wait(lock, [&] { return mine.ready; });
      slot = std::exchange(mine, {});
      ++taken;
    }
    free.notify_one();
    if (slot.failed) {
      stop();
      taken = count;
      std::rethrow_exception(slot.failed);
    }
    return std::move(slot.tensors);
  }
};

BatchStream::BatchStream(BatchSource source, const BatchOptions& options) : state_(std::make_unique<State>(std::move(source), options)) {}
BatchStream::BatchStream(BatchStream&&) noexcept = default;
BatchStream& BatchStream::operator=(BatchStream&&) noexcept = default;
BatchStream::~BatchStream() = default;
int64_t BatchStream::size() const { return state_->count; }
void BatchStream::start() { state_->start(); }
std::vector<Tensor> BatchStream::next() { return state_->options.device == cpu ? state_->next() : state_->next_on_device(); }

}  // namespace detail
}  // namespace mica
