#include "mica/tests/emulator/bugs.h"
#include <cmath>
#include "mica/tests/emulator/testing.h"
// Kernels with one bug each: it is found, and its line is named. Races are found where the detector is compiled in, accesses out of bounds there
// and where AddressSanitizer is.
namespace mica::emulator {
namespace {
std::string at(const std::string& mark) { return line_of("bugs.cu", mark); }
cudaError_t wait() { return cudaDeviceSynchronize(); }

class EmulatedBug : public testing::TestWithParam<Order> {
  ConfigScope scope_;

 protected:
  void SetUp() override { config().order = GetParam(); }
  DeviceArray<float> p{std::vector<float>(64)};
};
INSTANTIATE_TEST_SUITE_P(Orders, EmulatedBug, testing::ValuesIn(orders), [](const auto& info) { return std::string(name(info.param)); });

class EmulatedRace : public EmulatedBug {
 protected:
  void SetUp() override {
    EmulatedBug::SetUp();
    if (!detects_races) GTEST_SKIP() << "this build has no race detector";
  }
};
INSTANTIATE_TEST_SUITE_P(Orders, EmulatedRace, testing::ValuesIn(orders), [](const auto& info) { return std::string(name(info.param)); });

// Which of two lines comes first depends on the order; both are named.
TEST_P(EmulatedRace, MissingBarrier) {
  launch(on, {1, 64}, missing_barrier_kernel, p);
  wait();
  const auto reports = take_reports();
  ASSERT_FALSE(reports.empty());
  bool race = false;
  for (const auto& [kind, text] : reports)
    race |= kind == "race" && text.find(at("missing barrier, write")) != std::string::npos && text.find(at("missing barrier, read")) != std::string::npos;
  EXPECT_TRUE(race) << reports[0].text;
}
TEST_P(EmulatedRace, MissingSecondBarrier) {
  launch(on, {1, 64}, missing_second_barrier_kernel, p);
  wait();
  EXPECT_TRUE(caught("race", {at("missing second barrier, write"), at("missing second barrier, read"), "without a barrier"}));
}
TEST_P(EmulatedRace, MissingSyncwarp) {
  launch(on, {1, 64}, missing_syncwarp_kernel, p);
  wait();
  const auto reports = take_reports();
  ASSERT_FALSE(reports.empty());
  bool race = false;
  for (const auto& [kind, text] : reports)
    race |= kind == "race" && text.find(at("missing syncwarp, write")) != std::string::npos && text.find(at("missing syncwarp, read")) != std::string::npos;
  EXPECT_TRUE(race) << reports[0].text;
}
TEST_P(EmulatedRace, SyncwarpOfHalfAWarp) {
  launch(on, {1, 64}, partial_syncwarp_kernel, p);
  wait();
  const auto reports = take_reports();
  ASSERT_FALSE(reports.empty());
  for (const auto& [kind, text] : reports) EXPECT_NE(text.find(at("partial syncwarp")), std::string::npos) << kind << ": " << text;
}
TEST_P(EmulatedRace, WithinABlock) {
  launch(on, {1, 64}, race_in_block_kernel, p);
  wait();
  EXPECT_TRUE(caught("race", {"write at " + at("race in block"), "of the 256 bytes allocated"}));
}
TEST_P(EmulatedRace, BetweenBlocks) {
  launch(on, {2, 64}, race_between_blocks_kernel, p);
  wait();
  EXPECT_TRUE(caught("race", {at("race between blocks"), "block (0,0,0)", "block (1,0,0)", "a fence and an atomic"}));
}
TEST_P(EmulatedRace, AtomicAndPlain) {
  DeviceArray<int> q(std::vector<int>(1));
  launch(on, {1, 64}, mixed_atomic_kernel, q);
  wait();
  EXPECT_TRUE(caught("race", {at("mixed atomic, write"), "atomic access at " + at("mixed atomic, add")}));
}
TEST_P(EmulatedRace, MissingFence) {
  for (const bool fence : {true, false}) {
    DeviceArray<unsigned> count(std::vector<unsigned>(1));
    DeviceArray<float> sum(1);
    launch(on, {4, 64}, missing_fence_kernel, p, count, sum, fence);
    wait();
    if (fence) EXPECT_TRUE(take_reports().empty());
    else EXPECT_TRUE(caught("race", {at("missing fence, write"), at("missing fence, read")}));
    EXPECT_EQ(sum.host()[0], 10);
  }
}
TEST_P(EmulatedRace, BetweenStreams) {
  cudaStream_t streams[2];
  for (auto& s : streams) cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
  DeviceArray<float> q(64);
  launch(Cuda{0, streams[0]}, {1, 64}, copy_kernel, p, q, 64);
  launch(Cuda{0, streams[1]}, {1, 64}, copy_kernel, q, p, 64);
  wait();
  for (auto& s : streams) cudaStreamDestroy(s);
  bool race = false;
  for (const auto& [kind, text] : take_reports()) race |= kind == "race between streams" && text.find(at("copy")) != std::string::npos;
  EXPECT_TRUE(race);
}
TEST_P(EmulatedRace, UninitialisedMemory) {
  DeviceArray<float> never(64);
  launch(on, {1, 64}, copy_kernel, never, p, 64);
  launch(on, {1, 64}, uninitialised_shared_kernel, p);
  wait();
  const auto reports = take_reports();
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_NE(reports[0].text.find(at("copy")), std::string::npos) << reports[0].text;
  EXPECT_NE(reports[1].text.find(at("uninitialised shared")), std::string::npos) << reports[1].text;
}

TEST_P(EmulatedBug, DivergentBarrier) {
  launch(on, {1, 64}, divergent_barrier_kernel, p);
  wait();
  EXPECT_TRUE(caught("barrier divergence", {at("divergent barrier, one"), at("divergent barrier, other")}));
}
TEST_P(EmulatedBug, TwoBarriersOnALine) {
  launch(on, {1, 64}, two_barriers_on_a_line_kernel, p);
  wait();
  EXPECT_TRUE(caught("barrier divergence", {at("two barriers on a line")}));
}
TEST_P(EmulatedBug, ExitBeforeBarrier) {
  launch(on, {1, 64}, exit_before_barrier_kernel, p);
  wait();
  EXPECT_TRUE(caught("barrier after exit", {at("exit before barrier"), "24 of 64 threads"}));
}
TEST_P(EmulatedBug, ExitBeforeVote) {
  launch(on, {1, 64}, exit_before_vote_kernel, p);
  wait();
  EXPECT_TRUE(caught("barrier after exit", {at("exit before vote"), "__syncthreads_count", "thread (5,0,0)"}));
}
TEST_P(EmulatedBug, DeadlockEndsTheBlock) {
  launch(on, {1, 64}, deadlock_kernel, p);
  EXPECT_EQ(wait(), cudaErrorLaunchFailure);
  EXPECT_TRUE(caught("deadlock", {at("deadlock, warp"), at("deadlock, block"), "64 threads"}));
  cudaGetLastError();
  std::vector<float> numbers(64);
  numbers[63] = 63;
  DeviceArray<float> q(numbers);
  launch(on, {1, 64}, copy_kernel, q, p, 64);  // the next kernel runs
  EXPECT_EQ(wait(), cudaSuccess);
  EXPECT_EQ(p.host()[63], 63);
}
TEST_P(EmulatedBug, Trap) {
  launch(on, {1, 64}, trap_kernel, p);
  EXPECT_EQ(wait(), cudaErrorLaunchFailure);
  EXPECT_TRUE(caught("trap", {at("trap"), "thread (3,0,0)"}));
  cudaGetLastError();
}
TEST_P(EmulatedBug, ShuffleFromAnInactiveLane) {
  launch(on, {1, 64}, inactive_lane_kernel, p);
  wait();
  EXPECT_TRUE(caught("shuffle from an inactive lane", {at("inactive lane")}));
  EXPECT_TRUE(std::isnan(p.host()[0]));
}
TEST_P(EmulatedBug, LaneOutsideTheMask) {
  launch(on, {1, 64}, outside_mask_kernel, p);
  wait();
  EXPECT_TRUE(caught("warp mask", {at("outside mask"), "lane 31"}));
  EXPECT_TRUE(std::isnan(p.host()[31]));
  EXPECT_EQ(p.host()[30], 0);
}
TEST_P(EmulatedBug, TwoOperationsUnderOneMask) {
  launch(on, {1, 64}, mixed_collectives_kernel, p);
  wait();
  EXPECT_TRUE(caught("warp divergence", {at("mixed collectives, one"), at("mixed collectives, other")}));
}
TEST_P(EmulatedBug, UninitialisedSharedMemoryIsNaN) {
  if (detects_races) GTEST_SKIP() << "reported there";
  launch(on, {1, 64}, uninitialised_shared_kernel, p);
  wait();
  EXPECT_TRUE(std::isnan(p.host()[5]));
}
TEST_P(EmulatedBug, DynamicSharedMemoryNotAskedFor) {
  launch(on, {1, 64}, no_dynamic_kernel, p);
  wait();
  EXPECT_TRUE(caught("shared memory", {"bugs_test.cpp:", "was given none"}));
}
TEST_P(EmulatedBug, TooMuchStaticSharedMemory) {
  launch(on, {1, 64}, too_much_shared_kernel, p);
  wait();
  EXPECT_TRUE(caught("shared memory", {"bugs_test.cpp:", "declares 65536 bytes", "more than 48 KiB"}));
}
TEST_P(EmulatedBug, StaticAndDynamicSharedMemoryTogether) {
  const auto limit = [](int bytes) { return cudaFuncSetAttribute(reinterpret_cast<const void*>(shared_kernel), cudaFuncAttributeMaxDynamicSharedMemorySize, bytes); };
  const auto run = [&](size_t dynamic) { launch(on, {1, 64, dynamic}, shared_kernel, p), wait(); };
  run((48 << 10) - 256);
  EXPECT_TRUE(take_reports().empty());
  run(48 << 10);
  EXPECT_TRUE(caught("shared memory", {"bugs_test.cpp:", "declares 256 bytes", "given 49152, together more than 49152"}));
  EXPECT_EQ(limit(227 << 10), cudaSuccess);
  run((227 << 10) - 256);
  EXPECT_TRUE(take_reports().empty());
  run(227 << 10);
  EXPECT_TRUE(caught("shared memory", {"bugs_test.cpp:", "together more than 232448"}));
  EXPECT_EQ(limit(48 << 10), cudaSuccess);
}

struct OutOfBounds {
  const char* name;
  void (*kernel)(float*);
  const char* mark;
};
class EmulatedBounds : public testing::TestWithParam<OutOfBounds> {};
INSTANTIATE_TEST_SUITE_P(Kernels, EmulatedBounds,
                         testing::Values(OutOfBounds{"WriteBehind", write_behind_kernel, "write behind"}, OutOfBounds{"ReadBefore", read_before_kernel, "read before"},
                                         OutOfBounds{"SharedBehind", shared_behind_kernel, "shared behind"}),
                         [](const auto& info) { return std::string(info.param.name); });

void run_alone(void (*kernel)(float*)) {
  DeviceArray<float> p(std::vector<float>(64));
  launch(on, {1, 64}, kernel, p);
  wait();
}
TEST_P(EmulatedBounds, NamesTheLine) {
  const std::string line = at(GetParam().mark);
  if (detects_races) {
    run_alone(GetParam().kernel);
    bool found = false;
    for (const auto& [kind, text] : take_reports()) found |= kind == "out of bounds" && text.find(line) != std::string::npos;
    EXPECT_TRUE(found);
  } else if (address_sanitizer) {
    EXPECT_DEATH(run_alone(GetParam().kernel), line);
  } else if (GetParam().kernel == write_behind_kernel) {  // a canary, looked at when the memory is freed
    run_alone(GetParam().kernel);
    EXPECT_TRUE(caught("out of bounds", {"0 bytes behind the 256 bytes allocated at bugs_test.cpp:"}));
  } else if (GetParam().kernel == shared_behind_kernel) {  // likewise, when the block ends
    run_alone(GetParam().kernel);
    EXPECT_TRUE(caught("out of bounds", {"bugs_test.cpp:", "written 0 bytes behind 'values' in shared memory, which has 256 bytes"}));
  } else {
    GTEST_SKIP() << "this build has neither detector";
  }
}
void run_dynamic_behind() {
  DeviceArray<float> p(64);
  launch(on, {1, 64, 64 * sizeof(float)}, dynamic_behind_kernel, p, 2);
  wait();
}
TEST(EmulatedDynamicShared, OutOfBounds) {
  if (address_sanitizer) EXPECT_DEATH(run_dynamic_behind(), at("dynamic behind"));
  else {
    run_dynamic_behind();
    EXPECT_TRUE(caught("out of bounds", {detects_races ? at("dynamic behind") : "bugs_test.cpp:", "0 bytes behind 'dynamic shared memory' in shared memory, which has 256 bytes"}));
  }
}

TEST(EmulatedFault, NullPointerNamesThreadAndLine) {
  DeviceArray<float> p(std::vector<float>(64));
  if (address_sanitizer) EXPECT_DEATH((launch(on, {1, 64}, null_kernel, p, nullptr), wait()), at("null"));  // UndefinedBehaviorSanitizer comes first
  else EXPECT_DEATH((launch(on, {1, 64}, null_kernel, p, nullptr), wait()), "thread \\([0-9]+,0,0\\) of block \\(0,0,0\\) .*address .* at " + at("null"));
}

TEST(EmulatedFault, OverflowOfTheStackNamesThreadAndLine) {
  DeviceArray<float> p(std::vector<float>(64));
  EXPECT_DEATH((launch(on, {1, 64}, deep_stack_kernel, p, 100000), wait()), "thread \\([0-9]+,0,0\\) of block \\(0,0,0\\) .*overflows its stack of [0-9]+ KiB at bugs.cu:");
}

}  // namespace
}  // namespace mica::emulator
