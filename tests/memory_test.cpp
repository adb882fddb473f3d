#include <array>
#include <gtest/gtest.h>
#include <thread>
#include <vector>
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using mica::testing::error_of;
using mica::testing::no_gpu;

namespace {
constexpr int64_t mib = 1 << 20;
#if defined(__SANITIZE_ADDRESS__)
constexpr bool caching = false;  // every block comes from the system, so that the sanitizer sees it
#else
constexpr bool caching = true;
#endif
Tensor block(int64_t bytes) { return empty({bytes}, {u8}); }
struct Limit {
  explicit Limit(int64_t bytes) { set_memory_limit(bytes); }
  ~Limit() { set_memory_limit(0); }
};
}  // namespace

TEST(Memory, StatisticsFollowTensors) {
  empty_cache();
  reset_peak_memory();
  const MemoryStats before = memory_stats();
  EXPECT_EQ(before.peak, before.in_use);
  {
    const Tensor a = block(3 * mib), b = block(5 * mib), view = slice(a, 0, 0, 10);
    EXPECT_EQ(memory_stats().in_use, before.in_use + 8 * mib);
    EXPECT_GE(memory_stats().held, memory_stats().in_use);
  }
  EXPECT_EQ(memory_stats().in_use, before.in_use);
  EXPECT_EQ(memory_stats().peak, before.in_use + 8 * mib);
  const Tensor c = block(1 * mib);
  EXPECT_EQ(memory_stats().peak, before.in_use + 8 * mib);
  reset_peak_memory();
  EXPECT_EQ(memory_stats().peak, before.in_use + 1 * mib);
  EXPECT_EQ(memory_stats().held_peak, memory_stats().held);
}

TEST(Memory, FreedBlocksAreUsedAgain) {
  if (!caching) GTEST_SKIP() << "this build does not keep blocks";
  const void* first = nullptr;
  { const Tensor a = block(7 * mib); first = a.data<uint8_t>(); }
  const MemoryStats before = memory_stats();
  for (int i = 0; i < 100; ++i) { const Tensor a = block(7 * mib); EXPECT_EQ(a.data<uint8_t>(), first); }
  EXPECT_EQ(memory_stats().held, before.held);
  EXPECT_EQ(memory_stats().system_calls, before.system_calls);
}

TEST(Memory, TheSameRequestsAgainCostNothing) {
  if (!caching) GTEST_SKIP() << "this build does not keep blocks";
  const void* first[3] = {};
  auto step = [&] {
    { const Tensor a = block(7 * mib), b = block(3 * mib); first[0] = a.data<uint8_t>(), first[1] = b.data<uint8_t>(); }
    const Tensor a = block(2 * mib); first[2] = a.data<uint8_t>();
  };
  step();
  const MemoryStats before = memory_stats();
  const std::array places{first[0], first[1], first[2]};
  for (int i = 0; i < 100; ++i) { step(); EXPECT_EQ((std::array{first[0], first[1], first[2]}), places); }  // each is still in the cache of the core that wrote it
  EXPECT_EQ(memory_stats().held, before.held);
  EXPECT_EQ(memory_stats().system_calls, before.system_calls);
}

TEST(Memory, BlocksAreCutAndMergedOnceTwiceTheMostIsHeld) {
  if (!caching) GTEST_SKIP() << "this build does not keep blocks";
  empty_cache();
  { const Tensor a = block(64 * mib); }
  const MemoryStats before = memory_stats();
  for (int64_t i = 1; i < 64; ++i) { const Tensor a = block(i * mib), b = block((64 - i) * mib); }
  EXPECT_LE(memory_stats().held, std::max(before.held, 2 * (before.in_use + 64 * mib)));
  { const Tensor a = block(64 * mib); }
  EXPECT_LE(memory_stats().held, std::max(before.held, 2 * (before.in_use + 64 * mib)));
}

TEST(Memory, ManySizesDoNotAddUp) {  // what is held stays close to what is used at once
  if (!caching) GTEST_SKIP() << "this build does not keep blocks";
  empty_cache();
  const int64_t before = memory_stats().held;
  for (int64_t i = 1; i < 400; ++i) { const Tensor a = block(i * 64 * 1024), b = block((400 - i) * 64 * 1024); }
  EXPECT_LE(memory_stats().held - before, 2 * 400 * 64 * 1024);
}

TEST(Memory, EmptyCacheGivesBack) {
  { const Tensor a = block(64 * mib); }
  empty_cache();
  const MemoryStats after = memory_stats();
  EXPECT_LT(after.held - after.in_use, 64 * mib);
  const Tensor again = zeros({64 * mib}, {u8});  // what was given back can be had again, and is usable
  EXPECT_EQ(again[64 * mib - 1].item(), 0);
}

TEST(Memory, TheLimitIsKeptAndNamed) {
  empty_cache();
  const int64_t held = memory_stats().held, in_use = memory_stats().in_use;
  const Limit limit(held + 10 * mib);
  EXPECT_EQ(memory_stats().limit, held + 10 * mib);
  const Tensor a = block(8 * mib);
  bool thrown = false;
  try { block(64 * mib); }
  catch (const MemoryError& e) {
    thrown = true;
    EXPECT_EQ(std::string(e.what()), "out of memory on cpu: " + std::to_string(64 * mib) + " bytes asked, " + std::to_string(memory_stats().held) + " held, " +
                                         std::to_string(memory_stats().held - memory_stats().in_use) + " of them free; the limit is " + std::to_string(held + 10 * mib));
  }
  EXPECT_TRUE(thrown);
  EXPECT_EQ(memory_stats().in_use, in_use + 8 * mib);  // the failure took nothing
  EXPECT_LE(memory_stats().held, held + 10 * mib);
  EXPECT_NO_THROW(block(1 * mib));
  EXPECT_EQ(error_of([] { set_memory_limit(-1); }), "set_memory_limit: -1 bytes");
}

TEST(Memory, AnErrorInsideAnOpNamesTheOp) {
  empty_cache();
  const int64_t n = (memory_stats().held / 4 / mib + 4) * mib;  // as f64 more than all that is held, so that no free part of that will do
  const Tensor x = zeros({n}, {u8});
  const Limit limit(memory_stats().held + mib);
  const std::string text = error_of([&] { cast(x, f64); }), begin = "cast: out of memory on cpu: " + std::to_string(8 * n) + " bytes asked";
  EXPECT_EQ(text.substr(0, begin.size()), begin);
  EXPECT_NE(text.find("\n  x: u8[" + std::to_string(n) + "] on cpu"), std::string::npos);
}

TEST(Memory, TensorsMayDieInAnotherThread) {
  const int64_t before = memory_stats().in_use;
  std::vector<Tensor> made;
  std::thread maker([&] { for (int i = 0; i < 3000; ++i) made.push_back(full({i % 5 == 0 ? 2000 : 3}, i)); });
  maker.join();
  for (int i = 0; i < 3000; ++i) ASSERT_EQ(made[size_t(i)][0].item(), i);
  std::thread killer([&] { made.clear(); });
  killer.join();
  EXPECT_EQ(memory_stats().in_use, before);
}

TEST(Memory, SmallObjectsFlowBetweenThreads) {  // one thread makes, another drops: what the first needs must come back to it
  constexpr int rounds = 50, n = 2000;
  std::vector<Tensor> tensors(n);
  for (int r = 0; r < rounds; ++r) {
    std::thread([&] { for (Tensor& t : tensors) t = full({4}, r); }).join();
    std::thread([&] { for (Tensor& t : tensors) { ASSERT_EQ(t[3].item(), r); t = {}; } }).join();
  }
}

TEST(Memory, UnknownDevices) { EXPECT_EQ(error_of([] { memory_stats(cuda(60)); }), no_gpu(60)); }
