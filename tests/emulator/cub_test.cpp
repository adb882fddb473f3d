#include "mica/tests/emulator/cub.h"
#include <gmock/gmock.h>
#include <algorithm>
#include <cmath>
#include <numeric>
#include "mica/tests/emulator/testing.h"
// CUB for blocks and warps: right numbers in three orders, and what must not be done is reported.
namespace mica::emulator {
namespace {
class EmulatedCub : public testing::TestWithParam<Order> {
  ConfigScope scope_;

 protected:
  void SetUp() override { config().order = GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Orders, EmulatedCub, testing::ValuesIn(orders), [](const auto& info) { return std::string(name(info.param)); });

template <class T> std::vector<T> numbers(size_t n) {
  std::vector<T> result(n);
  for (size_t i = 0; i < n; ++i) result[i] = T(int(i * 37 % 101) - 40);
  return result;
}

TEST_P(EmulatedCub, BlockReduce) {
  const auto x = numbers<float>(96);
  for (const int n : {1, 31, 32, 33, 64, 95, 96}) {
    DeviceArray<float> dx(x), result(3);
    launch(on, {1, 96}, block_reduce_kernel, n, dx, result, result + 1, result + 2);
    const float sum = std::accumulate(x.begin(), x.begin() + n, 0.0f);
    EXPECT_THAT(result.host(), testing::ElementsAre(sum, *std::max_element(x.begin(), x.begin() + n), sum)) << n;
  }
}
TEST_P(EmulatedCub, BlockReduceOfItemsInThreeDimensions) {
  const auto x = numbers<float>(240);
  DeviceArray<float> dx(x);
  DeviceArray<double> sum(1);
  launch(on, {1, dim3(8, 5, 2)}, block_reduce_items_kernel, dx, sum);
  EXPECT_EQ(sum.host()[0], std::accumulate(x.begin(), x.end(), 0.0));
}
TEST_P(EmulatedCub, BlockReduceOfAStruct) {
  const auto x = numbers<float>(80);
  DeviceArray<float> dx(x);
  DeviceArray<Moments> result(1);
  launch(on, {1, 80}, block_moments_kernel, dx, result);
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / 80;
  double squares = 0;
  for (const float each : x) squares += (each - mean) * (each - mean);
  const Moments all = result.host()[0];
  EXPECT_EQ(all.count, 80);
  EXPECT_NEAR(all.mean, mean, 1e-4);
  EXPECT_NEAR(all.squares, squares, squares * 1e-5);
}
TEST_P(EmulatedCub, WarpReduce) {
  const auto x = numbers<int>(64);
  for (const int n : {1, 3, 8}) {
    DeviceArray<int> dx(x), sums(8), largest(8), of_valid(8);
    launch(on, {1, 64}, warp_reduce_kernel, n, dx, sums, largest, of_valid);
    const auto a = sums.host(), b = largest.host(), c = of_valid.host();
    for (size_t i = 0; i < 8; ++i) {
      const auto first = x.begin() + long(i * 8);
      EXPECT_EQ(a[i], std::accumulate(first, first + 8, 0));
      EXPECT_EQ(b[i], *std::max_element(first, first + 8));
      EXPECT_EQ(c[i], std::accumulate(first, first + n, 0));
    }
  }
}
TEST_P(EmulatedCub, BlockScan) {
  const auto x = numbers<int>(70);
  DeviceArray<int> dx(x), inclusive(70), exclusive(70), largest(70), totals(3);
  launch(on, {1, 70}, block_scan_kernel, dx, inclusive, exclusive, largest, totals);
  std::vector<int> sums(70), before(70), highest(70);
  std::inclusive_scan(x.begin(), x.end(), sums.begin());
  std::exclusive_scan(x.begin(), x.end(), before.begin(), 0);
  std::inclusive_scan(x.begin(), x.end(), highest.begin(), [](int a, int b) { return std::max(a, b); });
  EXPECT_EQ(inclusive.host(), sums);
  EXPECT_EQ(exclusive.host(), before);
  EXPECT_EQ(largest.host(), highest);
  EXPECT_THAT(totals.host(), testing::ElementsAre(sums.back(), sums.back(), highest.back()));
}
TEST_P(EmulatedCub, BlockScanOfItems) {
  const auto x = numbers<int>(132);
  DeviceArray<int> dx(x), inclusive(132), exclusive(132), total(1);
  launch(on, {1, 33}, block_scan_items_kernel, dx, inclusive, exclusive, total);
  std::vector<int> sums(132), before(132);
  std::inclusive_scan(x.begin(), x.end(), sums.begin());
  std::exclusive_scan(x.begin(), x.end(), before.begin(), 100);
  EXPECT_EQ(inclusive.host(), sums);
  EXPECT_EQ(exclusive.host(), before);
  EXPECT_EQ(total.host()[0], sums.back());
}
TEST_P(EmulatedCub, BlockRadixSort) {
  auto keys = numbers<float>(96);
  for (size_t i = 0; i < 96; i += 5) keys[i] = keys[i / 2];  // equal keys keep their order
  keys[7] = -INFINITY, keys[50] = INFINITY;
  std::vector<int> values(96);
  std::iota(values.begin(), values.end(), 0);
  DeviceArray<float> dkeys(keys);
  DeviceArray<int> dvalues(values), ints(numbers<int>(96));
  launch(on, {1, 32}, block_sort_kernel, dkeys, dvalues);
  launch(on, {1, 32}, block_sort_descending_kernel, ints);
  std::stable_sort(values.begin(), values.end(), [&](int a, int b) { return keys[size_t(a)] < keys[size_t(b)]; });
  EXPECT_EQ(dvalues.host(), values);
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(dkeys.host(), keys);
  auto sorted = numbers<int>(96);
  std::sort(sorted.rbegin(), sorted.rend());
  EXPECT_EQ(ints.host(), sorted);
}

TEST_P(EmulatedCub, StorageUsedAgainNeedsABarrier) {
  if (!detects_races) GTEST_SKIP() << "this build has no race detector";
  DeviceArray<float> x(std::vector<float>(64, 1)), sums(2);
  launch(on, {1, 64}, storage_used_twice_kernel, x, sums);
  cudaDeviceSynchronize();
  EXPECT_TRUE(caught("race", {line_of("cub.cu", "storage, first use"), line_of("cub.cu", "storage, second use"), "without a barrier"}));
}
TEST_P(EmulatedCub, BlocksOfAnotherSize) {
  DeviceArray<float> x(std::vector<float>(96, 1)), sum(1);
  launch(on, {1, 96}, wrong_block_size_kernel, x, sum);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
  EXPECT_TRUE(caught("block size", {line_of("cub.cu", "block size"), "compiled for 64 threads", "blocks of 96", "cub_test.cpp:"}));
  cudaGetLastError();
}

}  // namespace
}  // namespace mica::emulator
