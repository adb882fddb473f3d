#include <gtest/gtest.h>
#include <optional>
#include "mica/mica.h"
#include "op_case.h"
// Memory, copies and streams of a GPU. (Ops run on it through their own tables: op_case.h.)
using namespace mica;
using namespace mica::testing;

namespace {
class Gpu : public ::testing::Test {
  void SetUp() override { if (!cuda_available()) GTEST_SKIP() << "no GPU, and no emulated device, in this build"; }
};
}  // namespace

TEST_F(Gpu, CopiesGoBothWays) {
  for (const DType dtype : {f64, f32, f16, bf16, i64, i32, u8, boolean}) {
    const Tensor x = cast(ids({3, 4, 5}, 2), dtype), transposed = permute(x, {2, 0, 1}), part = slice(x, 2, 1, 4);
    for (const Tensor& t : {x, transposed, part}) {
      const Tensor there = to(t, cuda());
      EXPECT_EQ(there.device(), cuda());
      EXPECT_EQ(there.to_vector<double>(), t.to_vector<double>()) << name_of(dtype);
      EXPECT_EQ(to(there, cpu).to_vector<double>(), t.to_vector<double>()) << name_of(dtype);
    }
    const Tensor large = zeros({3, 5, 4}, {f32, cuda()});  // another dtype and order on the way
    copy(permute(x, {0, 2, 1}), large);
    EXPECT_EQ(large.to_vector<double>(), permute(x, {0, 2, 1}).to_vector<double>());
    const Tensor back = zeros({3, 5, 4});
    copy(large, permute(back, {0, 1, 2}));
    EXPECT_EQ(back.to_vector<double>(), large.to_vector<double>());
  }
  EXPECT_EQ(to(zeros({0, 3}), cuda()).shape(), (Shape{0, 3}));
  const Tensor many = to(arange(3'000'000), cuda());  // in several pieces of pinned memory
  EXPECT_TRUE(all(many == arange(0, 3'000'000, 1, {i64, cuda()})).item());
}

// Tiles of 32 x 32, whole and cut off, beside memory that is another tensor's.
TEST_F(Gpu, TransposedCopiesByTiles) {
  for (const DType dtype : {f64, f32, bf16, u8})
    for (const Shape& shape : {Shape{64, 32}, Shape{33, 31}, Shape{37, 70}, Shape{4, 65}, Shape{2, 35, 40}, Shape{2, 3, 36, 5}}) {
      const Tensor x = cast(ids(shape, 200), dtype), turned = transpose(to(x, cuda()), -1, -2);
      const std::vector<double> expected = transpose(x, -1, -2).to_vector<double>();
      EXPECT_EQ(contiguous(turned).to_vector<double>(), expected) << to_string(shape) << name_of(dtype);
      Shape wider = turned.shape();
      wider[-1] += 40;
      wider[-2] += 40;
      const Tensor around = full(wider, 7, {dtype, cuda()}), part = slice(slice(around, -1, 3, 3 + turned.shape()[-1]), -2, 2, 2 + turned.shape()[-2]);
      copy(turned, part);
      EXPECT_EQ(part.to_vector<double>(), expected) << to_string(shape) << name_of(dtype);
      fill(part, 7);
      for (double v : around.to_vector<double>()) ASSERT_EQ(v, 7) << to_string(shape) << name_of(dtype);
    }
}
TEST_F(Gpu, FillsAnyStrides) {
  for (const DType dtype : {f64, f32, f16, u8, i64})
    for (const Shape& shape : {Shape{3}, Shape{256}, Shape{300, 2}, Shape{2, 3, 4}}) {
      const Tensor around = zeros({600, 5, 7}, {dtype, cuda()}), x = full(shape, 3, {dtype, cuda()});
      EXPECT_EQ(x.to_vector<double>(), std::vector<double>(size_t(x.size()), 3));
      const Tensor part = slice(slice(around, 0, 1, 599, 2), 2, 1, 6, 3);
      fill(part, 2);
      EXPECT_EQ(sum(cast(around, f64)).item(), 2 * double(part.size())) << name_of(dtype);
    }
}

TEST_F(Gpu, TheSourceOfACopyMayBeWrittenAtOnce) {
  const Tensor x = ones({1000}), y = to(x, cuda());
  fill(x, 2);
  EXPECT_EQ(sum(y).item(), 1000);
}

TEST_F(Gpu, GradientsStayOnTheirDevice) {
  const Tensor x = ones({2}, {f32, cuda()}).set_requires_grad();
  EXPECT_EQ(error_of([&] { to(x, cpu); }), "to: gradients do not go from one device to another; detach x\n  x: f32[2] on cuda:0");
  sum(x * 3).backward();
  EXPECT_EQ(x.grad().device(), cuda());
  EXPECT_EQ(x.grad().to_vector<float>(), (std::vector<float>{3, 3}));
  EXPECT_EQ(error_of([&] { x + ones({2}); }), "add: the arguments are on different devices\n  a: f32[2] on cuda:0\n  b: f32[2] on cpu");
}

TEST_F(Gpu, TensorsGoFromStreamToStream) {
  const Stream a, b;
  Tensor x, y;
  {
    const OnStream on(a);
    x = full({1000}, 3, {f32, cuda()});
    for (int i = 0; i < 10; ++i) x = x + 1;
  }
  {
    const OnStream on(b);
    y = x * 2;   // b waits for a
    x = {};      // its memory belongs to b now
    const Tensor other = full({1000}, -1, {f32, cuda()});
    EXPECT_EQ(sum(other).item(), -1000);
  }
  EXPECT_EQ(sum(y).item(), 26000);  // the default stream waits for b
}

TEST_F(Gpu, BackwardRunsInTheCallersStream) {
  const Stream a, b;
  const Tensor w = ones({4, 4}, {f32, cuda()}).set_requires_grad();
  Tensor loss;
  { const OnStream on(a); loss = sum(max(w * w * 2, {.dims = {1}})); }
  { const OnStream on(b); loss.backward(); }
  EXPECT_EQ(sum(w.grad()).item(), 16);
}

TEST_F(Gpu, AStreamMayEndBeforeItsTensors) {
  Tensor x;
  {
    const Stream a;
    const OnStream on(a);
    x = full({100}, 2, {f32, cuda()}) * 2;
  }
  EXPECT_EQ(sum(x).item(), 400);
  const Stream again;  // perhaps at the same address
  const OnStream on(again);
  EXPECT_EQ(sum(x * x).item(), 1600);
}

TEST_F(Gpu, StreamsAreOfGpus) {
  EXPECT_EQ(error_of([] { Stream s(cpu); }), "Stream: cpu has no streams");
  EXPECT_EQ(error_of([] { Stream s(cuda(60)); }), no_gpu(60));
  const Stream a;
  {
    const OnStream on(a);
    EXPECT_EQ(current_stream(), a.handle());
    { const OnStream standard(nullptr); EXPECT_EQ(current_stream(), nullptr); }
    EXPECT_EQ(current_stream(), a.handle());
  }
  EXPECT_EQ(current_stream(), nullptr);
}

TEST_F(Gpu, MemoryIsKeptAndCounted) {
  if (std::getenv("MICA_CUDA_CACHE")) GTEST_SKIP() << "MICA_CUDA_CACHE is set";
  empty_cache(cuda());
  reset_peak_memory(cuda());
  const MemoryStats before = memory_stats(cuda());
  { const Tensor x = empty({1 << 20}, {f32, cuda()}); EXPECT_EQ(memory_stats(cuda()).in_use, before.in_use + (4 << 20)); }
  const MemoryStats after = memory_stats(cuda());
  EXPECT_EQ(after.in_use, before.in_use);
  EXPECT_EQ(after.peak, before.in_use + (4 << 20));
  EXPECT_GE(after.held, after.in_use + (4 << 20));
  { const Tensor x = empty({1 << 20}, {f32, cuda()}), y = empty({3 << 18}, {f32, cuda()}); }
  EXPECT_EQ(memory_stats(cuda()).system_calls, after.system_calls) << "both fit into what is held";
  empty_cache(cuda());
  EXPECT_EQ(memory_stats(cuda()).held, before.held);
}

TEST_F(Gpu, BlocksAreCutAndMergedAgain) {
  if (std::getenv("MICA_CUDA_CACHE")) GTEST_SKIP() << "MICA_CUDA_CACHE is set";
  empty_cache(cuda());
  { const Tensor x = empty({16 << 20}, {u8, cuda()}); }
  const MemoryStats held = memory_stats(cuda());
  {
    std::vector<Tensor> parts;
    for (int i = 0; i < 8; ++i) parts.push_back(empty({2 << 20}, {u8, cuda()}));
    for (int i = 0; i < 8; i += 2) parts[size_t(i)] = {};
    parts.clear();
    const Tensor whole = empty({16 << 20}, {u8, cuda()});
  }
  EXPECT_EQ(memory_stats(cuda()).held, held.held);
  EXPECT_EQ(memory_stats(cuda()).system_calls, held.system_calls);
  empty_cache(cuda());
}

TEST_F(Gpu, TheLimitIsAnError) {
  empty_cache(cuda());
  const int64_t held = memory_stats(cuda()).held;
  set_memory_limit(held + (8 << 20), cuda());
  const std::string text = error_of([] { empty({64 << 20}, {u8, cuda()}); });
  EXPECT_TRUE(text.starts_with("out of memory on cuda:0: 67108864 bytes asked, ")) << text;
  EXPECT_TRUE(text.ends_with("the limit is " + std::to_string(held + (8 << 20)))) << text;
  EXPECT_THROW(empty({64 << 20}, {u8, cuda()}), MemoryError);
  EXPECT_EQ(sum(ones({1 << 10}, {f32, cuda()})).item(), 1 << 10);  // training goes on
  set_memory_limit(0, cuda());
  empty_cache(cuda());
}

// Neighbours that were freed in two queues, in any order, become one block again.
TEST_F(Gpu, EmptyCacheGivesWholeSegmentsBack) {
  constexpr int64_t n = 151;
  empty_cache(cuda());
  const int64_t held = memory_stats(cuda()).held;
  const Stream stream;
  for (int64_t first = 0; first < 5; ++first) {
    std::vector<Tensor> blocks;
    for (int64_t i = 0; i < n; ++i) blocks.push_back(empty({(64 << 10) * (1 + i % 3)}, {u8, cuda()}));
    EXPECT_GT(memory_stats(cuda()).held, held);
    for (int64_t i = 0; i < n; ++i) {
      Tensor& block = blocks[size_t((first + 5 * i) % n)];
      std::optional<OnStream> on;
      if (i % 2) { on.emplace(stream); fill(block, 1); }  // this stream is where it was last used
      block = Tensor();
    }
    empty_cache(cuda());
    EXPECT_EQ(memory_stats(cuda()).held, held) << first;
  }
}

TEST_F(Gpu, SteadyStateNamesWhatIsHidden) {
  if (std::getenv("MICA_CUDA_CACHE")) GTEST_SKIP() << "MICA_CUDA_CACHE is set";
  const Tensor x = ones({8}, {f32, cuda()});
  { const Tensor warm = x + x; const Tensor y = to(ones({8}), cuda()); }
  synchronize();
  {
    const SteadyState steady;
    const Tensor y = x + x, z = to(ones({8}), cuda());
    EXPECT_EQ(error_of([&] { sum(y).item(); }), "steady state: mica waits for the device to copy to the CPU");
    EXPECT_EQ(error_of([&] { y.to_vector<float>(); }), "steady state: mica waits for the device to copy to the CPU");
    EXPECT_EQ(error_of([&] { empty({256 << 20}, {u8, cuda()}); }), "steady state: mica takes memory from the driver");
    synchronize();
  }
  EXPECT_EQ(sum(x + x).item(), 16);
}
