#pragma once
#include <iterator>
#include <memory>
#include <optional>
#include "mica/data/dataset.h"
//   for (auto [images, labels] : batches(digits.train, {.size = 256, .shuffle = true})) ...
namespace mica {

struct BatchOptions {
  int64_t size = 64;                      // examples in a batch; the last one may be smaller
  bool shuffle = false;
  std::optional<uint64_t> seed = {};      // of order and augmentation; taken from next_random_call() where one of them is asked for without a seed
  int64_t epoch = 0;                      // of the first pass; every further pass over the same range is the next epoch
  int64_t first_batch = 0;                // of the first pass: skips the batches before it, to resume inside an epoch
  int workers = 0;                        // threads that prepare batches; with 0, the thread that asks for a batch makes it, with all CPU threads
  int prefetch = 2;                       // batches that each worker may prepare ahead
  bool drop_last = false;                 // leave out a last batch that is not full
  Device device = cpu;                    // where batches go
  DType dtype = f32;                      // of images, from datasets that finish batches where they go
  Augment augment = {};                   // for datasets that have batch(rows, context)
};

// The numbers 0 ... n - 1 in an order that (seed, epoch) alone decides (Fisher and Yates 1938, with Philox). Throws Error if n is negative.
std::vector<int64_t> shuffled_rows(int64_t n, uint64_t seed, int64_t epoch = 0);

namespace detail {
// A dataset of any type.
struct BatchSource {
  int64_t rows;
  bool augments;  // makes whole batches
  std::function<std::vector<Tensor>(std::span<const int64_t> rows, const BatchContext& context)> make;
  std::function<FinishBatch(Device device, DType dtype)> finish = {};  // empty where make leaves nothing to do
};

// Batches of any dataset: order, workers, and the ring of slots in which their batches wait for their turn.
class BatchStream {
 public:
  BatchStream(BatchSource source, const BatchOptions& options);
  BatchStream(BatchStream&&) noexcept;
  BatchStream& operator=(BatchStream&&) noexcept;
  ~BatchStream();
  int64_t size() const;
  void start();                // of a pass
  std::vector<Tensor> next();  // nothing at the end of it

 private:
  struct State;
  std::unique_ptr<State> state_;
};
template <class Places> struct BatchOf;
template <size_t... i> struct BatchOf<std::index_sequence<i...>> {
  using Type = std::tuple<std::conditional_t<(i >= 0), Tensor, void>...>;
  static Type from(std::vector<Tensor>& tensors) { return {std::move(tensors[i])...}; }
};
}  // namespace detail

// The batches of one epoch: an input range of std::tuple<Tensor, ...>, `tensors` of them, each [examples, ...]. Every begin() starts a pass,
// and ends the one before it.
template <size_t tensors> class Batches {
  using Maker = detail::BatchOf<std::make_index_sequence<tensors>>;

 public:
  using Batch = typename Maker::Type;
  class Iterator {
   public:
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;
    Batch& operator*() const { return *range_->batch_; }
    Iterator& operator++() { range_->advance(); return *this; }
    void operator++(int) { range_->advance(); }
    bool operator==(std::default_sentinel_t) const { return !range_->batch_; }

   private:
    friend Batches;
    explicit Iterator(Batches* range) : range_(range) {}
    Batches* range_;
  };

  explicit Batches(detail::BatchStream stream) : stream_(std::move(stream)) {}
  int64_t size() const { return stream_.size(); }  // batches in a whole epoch
  Iterator begin() {
    batch_.reset();
    stream_.start();
    advance();
    return Iterator(this);
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  void advance() {
    batch_.reset();  // its memory can be the next one's
    if (auto made = stream_.next(); !made.empty()) batch_ = Maker::from(made);
  }
  detail::BatchStream stream_;
  std::optional<Batch> batch_;
};

// Batches of a dataset (data/dataset.h): the same examples in the same order for any number of workers. A named dataset must outlive the range;
// a temporary one is moved into it. An exception thrown by the dataset reaches the loop at the batch it belongs to, and ends the pass; leaving
// the loop ends the workers. Throws Error for options out of their range, and for .augment or .dtype with a dataset that cannot.
template <class D> auto batches(D&& dataset, BatchOptions options = {}) {
  using Data = std::remove_cvref_t<D>;
  if constexpr (detail::check_dataset<Data>()) {
    std::shared_ptr<const Data> held;
    if constexpr (std::is_lvalue_reference_v<D>) held = {std::shared_ptr<void>(), std::addressof(std::as_const(dataset))};  // not owned
    else held = std::make_shared<const Data>(std::move(dataset));
    detail::BatchSource source{int64_t(held->size()), BatchDataset<Data>, [held](auto rows, const auto& context) { return detail::make_batch(*held, rows, context); }};
    if constexpr (StagedDataset<Data>) source.finish = [held](Device device, DType dtype) { return detail::finish_batch(*held, device, dtype); };
    return Batches<detail::batch_tensors<Data>()>(detail::BatchStream(std::move(source), options));
  }
}

}  // namespace mica
