#include "mica/core/ops/augment.h"
#include <climits>
#include "mica/core/steady_state.h"
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

namespace {
Tensor bytes(const Shape& shape, uint64_t seed = 1) { return cast(ids(shape, 256, seed), u8); }
// i32 [n, 5]: crops within `crop`, shifts within `shift`, both to either side, and flips or none.
Tensor some_draws(int64_t n, int crop, int shift, bool flip) {
  std::vector<int32_t> d;
  for (int64_t i = 0; i < n; ++i) {
    const Philox a = philox(3, 1, uint64_t(i)), b = philox(3, 2, uint64_t(i));
    for (const uint32_t word : {a.word[0], a.word[1]}) d.push_back(int32_t(word % uint32_t(2 * crop + 1)) - crop);
    for (const uint32_t word : {a.word[2], a.word[3]}) d.push_back(int32_t(word % uint32_t(2 * shift + 1)) - shift);
    d.push_back(flip && i % 3 != 1 ? int32_t(b.word[0] % 2 ? 1 : -7) : 0);
  }
  return from(d, {n, 5});
}

// What the comment of augment says, done step by step on whole images: moved, cut, mirrored, looked up.
std::vector<double> naive(const Tensor& pixels, const Tensor& table, const Tensor& draws, op::Augment o) {
  const int64_t n = pixels.size(0), c = pixels.size(1), h = pixels.size(2), w = pixels.size(3), out_h = o.size.h ? o.size.h : h, out_w = o.size.w ? o.size.w : w;
  const std::vector<int64_t> p = pixels.to_vector<int64_t>(), d = draws ? draws.to_vector<int64_t>() : std::vector<int64_t>(size_t(5 * n));
  const std::vector<double> value = table.to_vector<double>();
  std::vector<double> result;
  for (int64_t image = 0; image < n; ++image) {
    const int64_t* const draw = d.data() + 5 * image;
    for (int64_t k = 0; k < c; ++k) {
      std::map<std::pair<int64_t, int64_t>, int64_t> moved;  // no entry: black
      for (int64_t y = 0; y < h; ++y)
        for (int64_t x = 0; x < w; ++x)
          moved[{y, x}] = p[size_t(((image * c + k) * h + std::min(std::max(y + draw[2], int64_t(0)), h - 1)) * w + std::min(std::max(x + draw[3], int64_t(0)), w - 1))];
      for (int64_t y = 0; y < out_h; ++y) {
        std::vector<double> line;
        for (int64_t x = 0; x < out_w; ++x) {
          const auto found = moved.find({y + draw[0], x + draw[1]});
          line.push_back(value[size_t(256 * k + (found == moved.end() ? 0 : found->second))]);
        }
        if (draw[4]) std::reverse(line.begin(), line.end());
        result.insert(result.end(), line.begin(), line.end());
      }
    }
  }
  return result;
}

ImageDataset some_images(int64_t n, int64_t h, int64_t w, int64_t c) { return {bytes({n, h, w, c}), ids({n}, 5), {.classes = {"a", "b", "c", "d", "e"}}}; }

class AugmentOnCuda : public ::testing::Test {
  void SetUp() override { if (!cuda_available()) GTEST_SKIP() << "no GPU, and no emulated device, in this build"; }
};
}  // namespace

TEST(Augment, Cases) {
  std::vector<OpCase> cases;
  for (const Shape& s : std::vector<Shape>{{1, 1, 1, 1}, {2, 1, 5, 7}, {3, 3, 6, 4}, {1, 4, 3, 5}, {4, 2, 3, 3}, {0, 3, 4, 4}, {2, 5, 3, 3}, {1, 3, 9, 11}, {2, 1, 0, 3}, {1, 0, 2, 2}})
    for (const Pair size : {Pair(0), Pair(3, 2), Pair(1, 5), Pair(12, 13)})
      for (const auto& [crop, shift, flip] : {std::tuple{0, 0, false}, {2, 0, false}, {0, 2, true}, {4, 1, true}, {9, 11, true}}) {
        const std::string name = "augment " + to_string(s) + " to " + std::to_string(size.h) + " x " + std::to_string(size.w) + ", crop " + std::to_string(crop) + ", shift " + std::to_string(shift);
        cases.push_back({.name = name, .inputs = {bytes(s), normal({s[1], 256}), some_draws(s[0], crop, shift, flip)},
                         .op = [size](const Inputs& x) { return augment(x[0], x[1], x[2], {.size = size}); },
                         .oracle = [size](const Inputs& x) { return naive(x[0], x[1], x[2], {.size = size}); }, .differentiable = false});
      }
  for (const Shape& s : std::vector<Shape>{{2, 3, 5, 5}, {1, 1, 3, 2}})
    for (const Pair size : {Pair(0), Pair(2)})
      cases.push_back({.name = "augment without draws " + to_string(s), .inputs = {bytes(s), normal({s[1], 256})},
                       .op = [size](const Inputs& x) { return augment(x[0], x[1], {}, {.size = size}); },
                       .oracle = [size](const Inputs& x) { return naive(x[0], x[1], {}, {.size = size}); }, .differentiable = false});
  check_all(cases);
}

// More than one block and part; whatever is copied is copied exactly.
TEST(Augment, TheSameBitsOnAllDevicesAndThreads) {
  const int before = threads();
  for (const int64_t c : {1, 3, 4, 6})
    for (const DType t : {f64, f32, bf16, f16}) {
      const Tensor pixels = contiguous(bytes({37, c, 19, 21}, 5), Layout::channels_last), draws = some_draws(37, 6, 3, true), table = cast(normal({c, 256}, 6), t);
      const std::vector<double> expected = naive(pixels, table, draws, {.size = {17, 23}});
      for (const Device device : devices())
        for (const int n : {1, 2}) {
          if (device != cpu && n == 2) continue;
          set_threads(n);
          const Tensor y = augment(to(pixels, device), to(table, device), to(draws, device), {.size = {17, 23}});
          EXPECT_EQ(describe(y), std::string(name_of(t)) + to_string(Shape{37, c, 17, 23}) + " on " + to_string(device));
          EXPECT_TRUE(y.has_layout(Layout::channels_last));
          EXPECT_FALSE(y.requires_grad());
          EXPECT_EQ(y.to_vector<double>(), expected) << describe(y) << ", " << n << " threads";
        }
    }
  set_threads(before);
}

TEST(Augment, TakesAnyNumbers) {
  const Tensor pixels = bytes({6, 3, 4, 4}), table = normal({3, 256});
  const std::vector<int32_t> d = {INT_MIN, INT_MIN, INT_MIN, INT_MIN, INT_MIN, INT_MAX, INT_MAX, INT_MAX, INT_MAX, INT_MAX, 0, 0, INT_MAX, INT_MIN, 0,
                                  0, 0, INT_MIN, INT_MAX, 1, INT_MIN, 1, INT_MAX, 0, 1, 1, INT_MAX, 0, INT_MAX, 0};
  const Tensor draws = from(d, {6, 5});
  for (const Device device : devices())
    EXPECT_EQ(augment(to(pixels, device), to(table, device), to(draws, device)).to_vector<double>(), naive(pixels, table, draws, {})) << to_string(device);
}

TEST(Augment, NormalisesByMeanAndDeviation) {
  const std::vector<double> mean = {0.1, 0.5}, std = {0.2, 3};
  for (const Device device : devices()) {
    const Tensor table = normalisation_table(mean, std, 200, {f32, device}), rounded = normalisation_table(mean, std, 200, {bf16, device});
    EXPECT_EQ(describe(table), "f32[2, 256] on " + to_string(device));
    EXPECT_EQ(rounded.to_vector<float>(), cast(table, bf16).to_vector<float>());
    const Tensor pixels = bytes({3, 2, 5, 4});
    const std::vector<float> y = augment(to(pixels, device), table).to_vector<float>();
    const std::vector<double> p = pixels.to_vector<double>();
    for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(y[i], float((p[i] / 200 - mean[i / 20 % 2]) / std[i / 20 % 2]));
  }
  EXPECT_EQ(error_of([] { normalisation_table({0, 0}, {1}); }), "normalisation_table: 2 means and 1 standard deviations");
  EXPECT_EQ(error_of([] { normalisation_table({0}, {1}, 1, {i32}); }), "needs a float dtype, not i32");
}

TEST(Augment, SaysWhatIsWrong) {
  const Tensor pixels = bytes({2, 3, 4, 5}), table = zeros({3, 256}), draws = zeros({2, 5}, {i32});
  const auto error = [](const Tensor& p, const Tensor& t, const Tensor& d, op::Augment o = {}) {
    const std::string text = error_of([&] { augment(p, t, d, o); });
    return text.substr(0, text.find('\n'));
  };
  EXPECT_EQ(error_of([&] { augment(zeros({2, 3, 4, 5}), table, draws); }),
            "augment: pixels must be u8, not f32\n  pixels: f32[2, 3, 4, 5] on cpu\n  table:  f32[3, 256] on cpu\n  draws:  i32[2, 5] on cpu");
  EXPECT_EQ(error({}, table, draws), "augment: pixels is undefined");
  EXPECT_EQ(error(pixels[0], table, draws), "augment: pixels must be [n, c, h, w], not [3, 4, 5]");
  EXPECT_EQ(error(pixels, zeros({3, 256}, {i32}), draws), "augment: table must be a float tensor, not i32");
  EXPECT_EQ(error(pixels, zeros({1, 256}), draws), "augment: table must be [3, 256], a value for each byte of each channel, not [1, 256]");
  EXPECT_EQ(error(pixels, table, zeros({2, 3}, {i32})), "augment: draws must be i32[2, 5] (crop_y, crop_x, shift_y, shift_x and flip of each image), not i32[2, 3]");
  EXPECT_EQ(error(pixels, table, zeros({3, 5}, {i32})), "augment: draws must be i32[2, 5] (crop_y, crop_x, shift_y, shift_x and flip of each image), not i32[3, 5]");
  EXPECT_EQ(error(pixels, table, zeros({2, 5}, {i64})), "augment: draws must be i32[2, 5] (crop_y, crop_x, shift_y, shift_x and flip of each image), not i64[2, 5]");
  EXPECT_EQ(error(pixels, table, draws, {.size = {4, -1}}), "augment: size is [4, -1]; it must not be negative");
  EXPECT_EQ(error(pixels, table, draws, {.size = {4, 1 << 21}}), "augment: a line of 6291456 bytes is too long; 2^22 is the most");
}

TEST_F(AugmentOnCuda, BatchesAreTheCpus) {
  for (const auto& [h, w, c] : {std::tuple{8, 8, 3}, {5, 7, 1}, {6, 3, 4}}) {
    const ImageDataset data = some_images(53, h, w, c);
    for (const Augment how : {Augment{}, Augment{.crop_padding = 2, .flip = true}, Augment{.shift = 2}, Augment{3, true, 1}})
      for (const DType t : {f32, bf16}) {
        const auto all = [&](Device device, int workers, DType dtype) {
          std::vector<float> values;
          for (auto [images, labels] : batches(data, {.size = 12, .shuffle = true, .seed = 4, .epoch = 2, .workers = workers, .device = device, .dtype = dtype, .augment = how})) {
            EXPECT_EQ(images.device(), device);
            EXPECT_EQ(images.dtype(), dtype);
            EXPECT_TRUE(images.has_layout(Layout::channels_last));
            EXPECT_EQ(labels.device(), device);
            const std::vector<float> x = cast(images, t).to_vector<float>(), of = labels.to_vector<float>();
            values.insert(values.end(), x.begin(), x.end());
            values.insert(values.end(), of.begin(), of.end());
          }
          return values;
        };
        const std::vector<float> expected = all(cpu, 0, f32);  // rounded to t after the loader has made them
        EXPECT_EQ(expected.size(), size_t(53 * (h * w * c + 1)));
        for (const int workers : {0, 2}) {
          EXPECT_EQ(all(cpu, workers, t), expected);
          EXPECT_EQ(all(cuda(), workers, t), expected);
        }
      }
  }
}

TEST_F(AugmentOnCuda, TrainingIsInASteadyStateAndTheCpus) {
  if (std::getenv("MICA_CUDA_CACHE")) GTEST_SKIP() << "MICA_CUDA_CACHE is set";
  const ImageDataset data = some_images(96, 8, 8, 3);
  const auto train = [&](Device device) {
    seed(2);
    Linear layer(3 * 8 * 8, 5);
    to(layer, device);
    Sgd sgd(parameters(layer), {.momentum = 0.9f});
    auto range = batches(data, {.size = 16, .shuffle = true, .seed = 1, .device = device, .augment = {.crop_padding = 2, .flip = true}});
    std::vector<Tensor> losses;
    const auto epoch = [&] {
      for (auto& [images, labels] : range) {
        const Tensor loss = cross_entropy(layer(reshape(images, {images.size(0), -1})), labels);
        loss.backward();
        sgd.step(0.005);
        sgd.zero_grad();
        losses.push_back(loss.detach());
      }
      synchronize(device);  // otherwise the host may run ahead by ever more copies, each with pinned memory of its own
    };
    for (int i = 0; i < 12; ++i) epoch();  // the emulated device runs a copy when it is asked for: until there is a buffer for each copy of an epoch
    {
      const SteadyState steady;
      for (int i = 0; i < 2; ++i) epoch();
    }
    std::vector<double> values;
    for (const Tensor& loss : losses) values.push_back(loss.item());
    return values;
  };
  const std::vector<double> expected = train(cpu), got = train(cuda());
  ASSERT_EQ(got.size(), 84u);
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-4 * expected[i]) << i;
}

TEST_F(AugmentOnCuda, CanBeRecorded) {
  const Tensor table = normalisation_table({0.5, 0.4, 0.3}, {0.25, 0.5, 1}), there = to(table, cuda());
  Captured step([&](const std::vector<Tensor>& in, double) { return std::vector{augment(in[0], there, in[1], {.size = 6})}; }, {.warm_up = 1});
  for (int i = 0; i < 5; ++i) {
    const Tensor pixels = contiguous(bytes({4, 3, 8, 8}, uint64_t(i)), Layout::channels_last), draws = slice(some_draws(20, 3, 0, true), 0, 4 * i, 4 * i + 4);
    const std::vector<Tensor> y = step({to(pixels, cuda()), to(contiguous(draws), cuda())}, 0.0);
    EXPECT_EQ(y[0].to_vector<float>(), augment(pixels, table, draws, {.size = 6}).to_vector<float>()) << i;
    EXPECT_EQ(step.recorded(), i >= 1);
  }
}
