#include "mica/data/batches.h"
#include <gmock/gmock.h>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <numeric>
#include <ranges>
#include <set>
#include <stdexcept>
#include <thread>
#include "mica/core/philox.h"
#include "mica/core/ops/pointwise.h"
#include "mica/core/random.h"
#include "mica/cpu/parallel.h"
#include "mica/data/images.h"

namespace mica {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Rows = std::vector<int64_t>;

// What a user would write: example i is a tensor, a real number, an integer and a bool.
struct Squares {
  int64_t n = 10;
  int64_t size() const { return n; }
  std::tuple<Tensor, double, int, bool> get(int64_t i) const { return {tensor({double(i), double(i * i)}), 0.5 * double(i), int(-i), i % 2 == 1}; }
};
// The row itself, and a function that watches.
struct Watched {
  int64_t n;
  std::function<void(int64_t)> watch = [](int64_t) {};
  int64_t size() const { return n; }
  int64_t get(int64_t i) const { return watch(i), i; }
};
// The fast path, and get beside it, which must not be called then.
struct Whole {
  int64_t size() const { return 7; }
  int get(int64_t) const { throw std::logic_error("get was called"); }
  Tensor batch(std::span<const int64_t> rows, const BatchContext& context) const {
    std::vector<int64_t> values;
    for (int64_t row : rows) values.push_back(philox(context.seed, uint64_t(context.epoch), uint64_t(row)).word[0]);
    return from(values);
  }
};
// Loads rows on the CPU and doubles them where they go; batch is not called.
struct Staged {
  int64_t size() const { return 7; }
  Tensor batch(std::span<const int64_t>, const BatchContext&) const { throw std::logic_error("batch was called"); }
  std::tuple<Tensor, Tensor> load(std::span<const int64_t> rows, const BatchContext&) const { return {from(rows, {int64_t(rows.size())}), Tensor()}; }
  auto finish(Device device, DType dtype) const {
    return [=](const Tensor& rows, const Tensor& none) {
      EXPECT_FALSE(none);
      EXPECT_EQ(rows.device(), device);
      return cast(rows, dtype) * 2;
    };
  }
};
static_assert(StagedDataset<Staged> && StagedDataset<ImageDataset> && !StagedDataset<Whole>);
static_assert(Dataset<Squares> && !BatchDataset<Squares> && Dataset<Whole> && BatchDataset<Whole> && BatchDataset<ImageDataset>);
static_assert(!Dataset<int> && !Dataset<Rows>);
static_assert(std::ranges::input_range<Batches<2>>);
static_assert(std::same_as<std::ranges::range_value_t<Batches<2>>, std::tuple<Tensor, Tensor>>);

std::string error_of(const std::function<void()>& f) {
  try { f(); } catch (const Error& e) { return e.what(); }
  return "no error";
}
template <class D> std::vector<Rows> rows_of(const D& data, BatchOptions options) {
  std::vector<Rows> all;
  for (auto [rows] : batches(data, options)) all.push_back(rows.template to_vector<int64_t>());
  return all;
}
template <class D> Rows joined(const D& data, BatchOptions options) {
  Rows all;
  for (const Rows& rows : rows_of(data, options)) all.insert(all.end(), rows.begin(), rows.end());
  return all;
}
Rows sorted(Rows rows) { return std::sort(rows.begin(), rows.end()), rows; }
Rows first_numbers(int64_t n) {
  Rows rows(static_cast<size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

TEST(Batches, StackEveryValueOfAnExample) {
  const Squares data;
  std::vector<Tensor> x, half, minus, odd;
  for (auto [a, b, c, d] : batches(data, {.size = 4})) x.push_back(a), half.push_back(b), minus.push_back(c), odd.push_back(d);
  ASSERT_EQ(x.size(), 3u);
  EXPECT_EQ(describe(x[0]) + describe(half[0]) + describe(minus[0]) + describe(odd[0]), "f32[4, 2] on cpuf32[4] on cpui64[4] on cpubool[4] on cpu");
  EXPECT_THAT(x[2].to_vector<float>(), ElementsAre(8, 64, 9, 81));
  EXPECT_THAT(half[2].to_vector<float>(), ElementsAre(4, 4.5f));
  EXPECT_THAT(minus[1].to_vector<int64_t>(), ElementsAre(-4, -5, -6, -7));
  EXPECT_THAT(odd[1].to_vector<bool>(), ElementsAre(false, true, false, true));
}

TEST(Batches, TakeTensorsPairsAndArrays) {
  struct One { int64_t size() const { return 2; } Tensor get(int64_t i) const { return tensor({double(i)}, {f64}); } };
  struct Two { int64_t size() const { return 2; } std::pair<Tensor, float> get(int64_t i) const { return {tensor({1.0}), float(i)}; } };
  struct Three { int64_t size() const { return 2; } std::array<Tensor, 3> get(int64_t i) const { return {tensor({1.0}), full({2, 2}, i), full({}, i)}; } };
  for (auto [x] : batches(One(), {})) EXPECT_EQ(describe(x), "f64[2, 1] on cpu");
  for (auto [x, y] : batches(Two(), {})) EXPECT_THAT(y.to_vector<float>(), ElementsAre(0, 1));
  for (auto [x, y, z] : batches(Three(), {})) {
    EXPECT_THAT(y.to_vector<float>(), ElementsAre(0, 0, 0, 0, 1, 1, 1, 1));
    EXPECT_EQ(z.shape(), Shape{2});
  }
}

TEST(Batches, KeepTheLayoutOfTheExamplesAndNoHistory) {
  struct Data {
    Tensor scale = tensor({2.0}).set_requires_grad();
    int64_t size() const { return 3; }
    Tensor get(int64_t i) const {  // [c, h, w], channels last, computed from a parameter
      EXPECT_FALSE(grad_enabled());
      const Tensor x = empty({1, 3, 2, 2}, {}, Layout::channels_last);
      fill(x, i);
      return x[0] + scale;
    }
  };
  for (const int workers : {0, 1})
    for (auto [x] : batches(Data(), {.workers = workers})) {
      EXPECT_EQ(x.shape(), (Shape{3, 3, 2, 2}));
      EXPECT_TRUE(x.has_layout(Layout::channels_last));
      EXPECT_FALSE(x.requires_grad());
      EXPECT_EQ(x[2].to_vector<float>(), std::vector<float>(12, 4));
    }
}

TEST(Batches, DivideTheRows) {
  const Watched data{10};
  EXPECT_THAT(rows_of(data, {.size = 4}), ElementsAre(Rows{0, 1, 2, 3}, Rows{4, 5, 6, 7}, Rows{8, 9}));
  EXPECT_THAT(rows_of(data, {.size = 4, .drop_last = true}), ElementsAre(Rows{0, 1, 2, 3}, Rows{4, 5, 6, 7}));
  EXPECT_THAT(rows_of(data, {.size = 5, .drop_last = true}), ElementsAre(Rows{0, 1, 2, 3, 4}, Rows{5, 6, 7, 8, 9}));
  EXPECT_THAT(rows_of(data, {.size = 99}), ElementsAre(first_numbers(10)));
  EXPECT_TRUE(rows_of(data, {.size = 99, .drop_last = true}).empty());
  EXPECT_EQ(batches(data, {.size = 4}).size(), 3);
  EXPECT_EQ(batches(data, {.size = 4, .drop_last = true}).size(), 2);
}

TEST(Batches, OfNothingAreNone) {
  for (const int workers : {0, 2}) {
    EXPECT_TRUE(rows_of(Watched{0}, {.shuffle = true, .workers = workers}).empty());
    EXPECT_EQ(batches(Watched{0}, {.workers = workers}).size(), 0);
  }
}

TEST(Batches, ShowEveryExampleOnceInTheSameOrderForAnyNumberOfWorkers) {
  const Watched data{103};
  const std::vector<Rows> expected = rows_of(data, {.size = 8, .shuffle = true, .seed = 3});
  EXPECT_EQ(sorted(joined(data, {.size = 8, .shuffle = true, .seed = 3})), first_numbers(103));
  EXPECT_NE(joined(data, {.size = 8, .shuffle = true, .seed = 3}), first_numbers(103));
  for (const int workers : {1, 2, 4, 20})
    for (const int prefetch : {1, 3})
      EXPECT_EQ(rows_of(data, {.size = 8, .shuffle = true, .seed = 3, .workers = workers, .prefetch = prefetch}), expected) << workers << ' ' << prefetch;
}

TEST(Batches, HoldTheSamePixelsForAnyNumberOfWorkersAndThreads) {
  std::vector<uint8_t> bytes(1500 * 8 * 8 * 3);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = uint8_t(philox(1, 2, i).word[0]);
  const ImageDataset data(from(bytes, {1500, 8, 8, 3}), zeros({1500}, {i64}));
  const auto pixels = [&](int workers) {
    std::vector<float> all;
    for (auto [images, labels] : batches(data, {.size = 700, .shuffle = true, .seed = 5, .epoch = 2, .workers = workers, .augment = {.crop_padding = 2, .flip = true, .shift = 1}})) {
      const std::vector<float> x = images.to_vector<float>();
      all.insert(all.end(), x.begin(), x.end());
    }
    return all;
  };
  const int before = threads();
  set_threads(1);
  const std::vector<float> expected = pixels(0);
  for (const int n : {1, 2}) {
    set_threads(n);
    ASSERT_EQ(parallel_parts(700, pointwise_grain / 192), n);  // otherwise this tests nothing
    for (const int workers : {0, 1, 4}) EXPECT_TRUE(pixels(workers) == expected) << workers << " workers, " << n << " threads";
  }
  set_threads(before);
}

TEST(Batches, AreShuffledBySeedAndEpochAlone) {
  const Watched data{50};
  const auto order = [&](uint64_t seed, int64_t epoch, int64_t size) { return joined(data, {.size = size, .shuffle = true, .seed = seed, .epoch = epoch}); };
  EXPECT_EQ(order(1, 4, 10), order(1, 4, 7));
  EXPECT_EQ(order(1, 4, 10), shuffled_rows(50, 1, 4));
  EXPECT_NE(order(1, 4, 10), order(1, 5, 10));
  EXPECT_NE(order(1, 4, 10), order(2, 4, 10));
}

TEST(Batches, TakeTheSeedFromTheRandomStateWhereNoneIsGiven) {
  const Watched data{50};
  const RandomState before = random_state();
  seed(7);
  const Rows a = joined(data, {.shuffle = true}), b = joined(data, {.shuffle = true});
  EXPECT_NE(a, b);
  seed(7);
  EXPECT_EQ(joined(data, {.shuffle = true}), a);
  EXPECT_EQ(joined(data, {.shuffle = true}), b);
  joined(data, {});  // in order: draws nothing, so that an evaluation does not change the training around it
  joined(data, {.shuffle = true, .seed = 1});
  EXPECT_EQ(random_state(), (RandomState{7, 2}));
  set_random_state(before);
}

TEST(Batches, ResumeInsideAnEpoch) {
  const Watched data{50};
  const std::vector<Rows> all = rows_of(data, {.size = 8, .shuffle = true, .seed = 1, .epoch = 3});
  for (const int workers : {0, 2})
    for (int64_t first = 0; first <= 7; ++first)
      EXPECT_EQ(rows_of(data, {.size = 8, .shuffle = true, .seed = 1, .epoch = 3, .first_batch = first, .workers = workers}), std::vector<Rows>(all.begin() + first, all.end()));
}

TEST(Batches, AreTheNextEpochInEveryFurtherPass) {
  const Watched data{20};
  auto range = batches(data, {.size = 6, .shuffle = true, .seed = 1, .epoch = 4, .first_batch = 2, .workers = 1});
  for (int64_t pass = 0; pass < 3; ++pass) {
    Rows seen, expected = shuffled_rows(20, 1, 4 + pass);
    if (pass == 0) expected.erase(expected.begin(), expected.begin() + 12);
    for (auto [rows] : range)
      for (int64_t row : rows.to_vector<int64_t>()) seen.push_back(row);
    EXPECT_EQ(seen, expected);
  }
}

TEST(Batches, TakeTheFastPathWithItsContext) {
  for (auto [x] : batches(Whole(), {.size = 7, .seed = 11, .epoch = 2})) EXPECT_EQ(x[3].item_i64(), int64_t(philox(11, 2, 3).word[0]));
}

TEST(Batches, AreFinishedWhereTheyGo) {
  for (const Device device : cuda_available() ? std::vector{cpu, cuda()} : std::vector{cpu})
    for (const int workers : {0, 2})
      for (const DType t : {f32, f64, bf16}) {
        std::vector<double> seen;
        for (auto [x] : batches(Staged(), {.size = 3, .workers = workers, .device = device, .dtype = t})) {
          EXPECT_EQ(describe(x), std::string(name_of(t)) + to_string(x.shape()) + " on " + to_string(device));
          for (const double v : x.to_vector<double>()) seen.push_back(v);
        }
        EXPECT_THAT(seen, ElementsAre(0, 2, 4, 6, 8, 10, 12));
      }
  struct Short : Staged {
    auto finish(Device, DType) const { return [](const Tensor& rows, const Tensor&) { return rows[0]; }; }
  };
  EXPECT_EQ(error_of([] { for (auto [x] : batches(Short(), {})) {} }), "batches: the dataset's batch(rows, context) returned i64[] on cpu for 7 rows");
}

TEST(Batches, HoldATemporaryDatasetAndPointToANamedOne) {
  struct MoveOnly {
    std::unique_ptr<int64_t> n;
    int64_t size() const { return *n; }
    int64_t get(int64_t i) const { return i + *n; }
  };
  for (const int workers : {0, 1}) {
    auto range = batches(MoveOnly{std::make_unique<int64_t>(3)}, {.workers = workers});
    for (auto [x] : range) EXPECT_THAT(x.to_vector<int64_t>(), ElementsAre(3, 4, 5));
    const MoveOnly named{std::make_unique<int64_t>(2)};
    for (auto [x] : batches(named, {.workers = workers})) EXPECT_THAT(x.to_vector<int64_t>(), ElementsAre(2, 3));
  }
}

TEST(Batches, AreMadeByTheNumberOfWorkersAskedFor) {
  for (const int workers : {0, 1, 3}) {
    std::mutex mutex;
    std::set<std::thread::id> makers;
    std::atomic<bool> serial = true;
    const Watched data{40, [&](int64_t) {
      if (parallel_parts(1000, 1) != 1) serial = false;
      std::lock_guard lock(mutex);
      makers.insert(std::this_thread::get_id());
    }};
    joined(data, {.size = 2, .workers = workers});
    EXPECT_EQ(makers.count(std::this_thread::get_id()), workers == 0 ? 1u : 0u);
    EXPECT_LE(makers.size(), size_t(std::max(workers, 1)));
    EXPECT_TRUE(serial || workers == 0);
  }
}

TEST(Batches, AreMadeAsFarAheadAsAllowedAndNoFurther) {
  for (const int workers : {0, 1, 3}) {
    std::atomic<int64_t> started = 0;
    const Watched data{20, [&](int64_t) { ++started; }};
    int64_t taken = 0;
    for (auto [rows] : batches(data, {.size = 1, .workers = workers, .prefetch = 2})) {
      ++taken;
      const int64_t allowed = std::min<int64_t>(20, taken + 2 * workers);
      while (started < allowed) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // time to go too far
      EXPECT_EQ(started, allowed);
    }
    EXPECT_EQ(taken, 20);
  }
}

TEST(Batches, EndTheirWorkersWhenTheLoopIsLeft) {
  for (const int workers : {0, 1, 4}) {
    std::atomic<int64_t> started = 0;
    {
      const Watched data{1000, [&](int64_t) { ++started; }};
      for (auto [rows] : batches(data, {.size = 1, .workers = workers})) break;
      EXPECT_THROW(for (auto [rows] : batches(data, {.size = 1, .workers = workers})) throw std::runtime_error("the step failed"), std::runtime_error);
      auto unused = batches(data, {.workers = workers});
      auto begun = batches(data, {.size = 1, .workers = workers});
      begun.begin();
      begun.begin();
    }
    EXPECT_LE(started, 4 * (1 + 2 * workers));
  }
}

TEST(Batches, CanBeMovedWhileWorkersRun) {
  const Watched data{30};
  auto range = batches(data, {.size = 10, .workers = 2});
  range.begin();
  auto other = std::move(range);
  Rows seen;
  for (auto [rows] : other) seen.push_back(rows[0].item_i64());
  EXPECT_THAT(seen, ElementsAre(0, 10, 20));
}

TEST(Batches, ThrowWhatTheDatasetThrewWhereItBelongs) {
  for (const int workers : {0, 1, 4}) {
    const Watched data{100, [](int64_t i) { if (i == 25) throw std::out_of_range("row 25 is gone"); }};
    auto range = batches(data, {.size = 10, .workers = workers});
    for (int pass = 0; pass < 2; ++pass) {
      std::vector<int64_t> seen;
      try {
        for (auto [rows] : range) seen.push_back(rows[0].item_i64());
        FAIL() << "nothing was thrown";
      } catch (const std::out_of_range& e) {
        EXPECT_STREQ(e.what(), "row 25 is gone");
      }
      EXPECT_THAT(seen, ElementsAre(0, 10));
    }
    auto at = range.begin();
    ++at;
    EXPECT_THROW(++at, std::out_of_range);
    EXPECT_TRUE(at == range.end());  // the pass is over
  }
}

TEST(Batches, NameExamplesThatDoNotFitTogether) {
  struct Uneven {
    int64_t size() const { return 9; }
    std::pair<int, Tensor> get(int64_t i) const { return {0, i == 6 ? zeros({3, 5}) : zeros({3, 4})}; }
  };
  for (const int workers : {0, 1})
    EXPECT_EQ(error_of([&] { for (auto [a, b] : batches(Uneven(), {.size = 4, .workers = workers})) {} }),
              "batches: the examples' tensors differ at place 1\n  example 4: f32[3, 4] on cpu\n  example 6: f32[3, 5] on cpu");
  struct Undefined { int64_t size() const { return 1; } Tensor get(int64_t) const { return {}; } };
  EXPECT_EQ(error_of([] { for (auto [a] : batches(Undefined(), {})) {} }), "batches: get(0) returned an undefined tensor at place 0");
  struct Short { int64_t size() const { return 4; } Tensor batch(std::span<const int64_t>, const BatchContext&) const { return zeros({3, 2}); } };
  EXPECT_EQ(error_of([] { for (auto [a] : batches(Short(), {})) {} }), "batches: the dataset's batch(rows, context) returned f32[3, 2] on cpu for 4 rows");
}

TEST(Batches, RefuseOptionsOutOfRange) {
  const Watched data{10};
  const auto error = [&](BatchOptions options) { return error_of([&] { batches(data, options); }); };
  EXPECT_EQ(error({.size = 0}), "batches: .size is 0; it is at least 1");
  EXPECT_EQ(error({.epoch = -1}), "batches: .epoch is -1; it is at least 0");
  EXPECT_EQ(error({.workers = -1}), "batches: .workers is -1; it is from 0 to 1024");
  EXPECT_EQ(error({.prefetch = 0}), "batches: .prefetch is 0; it is from 1 to 1024");
  EXPECT_EQ(error({.size = 4, .first_batch = 4}), "batches: .first_batch is 4; it is from 0 to 3, the number of batches");
  EXPECT_EQ(error({.dtype = i64}), "batches: .dtype is i64; it is a float dtype");
  EXPECT_EQ(error({.dtype = bf16}), "batches: .dtype is for datasets with finish(device, dtype); this one's batches have dtypes of their own");
  EXPECT_EQ(error({.augment = {.flip = true}}), "batches: .augment is for datasets with batch(rows, context); this one has get(i) only");
  EXPECT_EQ(error({.augment = {.shift = -2}}), "augment: shift is -2; it is 0 or more pixels");
  EXPECT_EQ(error_of([] { batches(Watched{-1}, {}); }), "batches: the dataset's size is -1; it is at least 0");
  if (!cuda_available()) {
    EXPECT_THAT(error({.device = cuda()}), HasSubstr("CUDA"));
  }
}

// The orders were computed by a Philox and a Fisher-Yates written in Python: a run that is resumed by a later version goes on in the same order.
TEST(ShuffledRows, AreFixedForever) {
  EXPECT_THAT(shuffled_rows(12, 1), ElementsAre(8, 9, 4, 3, 1, 7, 5, 0, 6, 2, 11, 10));
  EXPECT_THAT(shuffled_rows(12, 1, 1), ElementsAre(6, 5, 2, 1, 7, 4, 10, 3, 9, 0, 11, 8));
  EXPECT_THAT(shuffled_rows(12, (uint64_t(1) << 40) + 5, 3), ElementsAre(1, 10, 4, 0, 6, 8, 7, 2, 3, 5, 9, 11));
  EXPECT_TRUE(shuffled_rows(0, 1).empty());
  EXPECT_THAT(shuffled_rows(1, 1), ElementsAre(0));
  EXPECT_EQ(error_of([] { shuffled_rows(-1, 1); }), "shuffled_rows: n is -1");
}

// Chi-squared over the 24 orders of 4 rows: 23 degrees of freedom, above 60 by chance once in 28,000.
TEST(ShuffledRows, AreEquallyLikelyInEveryOrder) {
  std::map<Rows, int> counts;
  for (int64_t epoch = 0; epoch < 24000; ++epoch) ++counts[shuffled_rows(4, 9, epoch)];
  ASSERT_EQ(counts.size(), 24u);
  double chi_squared = 0;
  for (auto& [order, count] : counts) chi_squared += (count - 1000.0) * (count - 1000.0) / 1000;
  EXPECT_LT(chi_squared, 60);
}

}  // namespace
}  // namespace mica
