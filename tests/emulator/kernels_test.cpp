#include "mica/tests/emulator/kernels.h"
#include <gmock/gmock.h>
#include <numeric>
#include "mica/tests/emulator/testing.h"
// Kernels without a bug, in three orders of their threads: right numbers, and no report (the listener fails a test that leaves one).
namespace mica::emulator {
namespace {
using testing::Each;
using testing::ElementsAreArray;

class EmulatedKernel : public testing::TestWithParam<Order> {
  ConfigScope scope_;

 protected:
  void SetUp() override { config().order = GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Orders, EmulatedKernel, testing::ValuesIn(orders), [](const auto& info) { return std::string(name(info.param)); });

// Small whole numbers: their sums are exact in any order.
template <class T = float> std::vector<T> numbers(size_t n, int modulus = 13, int minus = 5) {
  std::vector<T> result(n);
  for (size_t i = 0; i < n; ++i) result[i] = T(float(int(i * 7 % size_t(modulus)) - minus));
  return result;
}
template <class T> float total(const std::vector<T>& values) { return std::accumulate(values.begin(), values.end(), 0.0f); }

TEST_P(EmulatedKernel, IndexOfEveryThread) {
  DeviceArray<int> out(3 * 2 * 2 * 24);
  launch(on, {dim3(3, 2, 2), dim3(4, 3, 2)}, index_kernel, out);
  std::vector<int> expected(out.host().size());
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(out.host(), expected);
}

TEST_P(EmulatedKernel, Axpy) {
  const auto x = numbers(1000), y = numbers(1000, 11);
  DeviceArray<float> dx(x), dy(y);
  launch(on, {3, 128}, axpy_kernel, 1000, 2, dx, dy);
  const auto result = dy.host();
  for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(result[i], 2 * x[i] + y[i]) << i;
}

TEST_P(EmulatedKernel, ManyBlocksOnSeveralWorkers) {
  const size_t n = 1 << 16;
  DeviceArray<float> x(std::vector<float>(n, 3)), y(std::vector<float>(n, 1));
  launch(on, {256, 256}, axpy_kernel, n, 2, x, y);
  EXPECT_THAT(y.host(), Each(7.0f));
}

TEST_P(EmulatedKernel, VectorLoads) {
  std::vector<float4> x(70), y(70);
  for (int i = 0; i < 70; ++i) x[size_t(i)] = make_float4(float(i), 1, 2, 3), y[size_t(i)] = make_float4(1, 2, 3, float(i));
  DeviceArray<float4> dx(x), dy(y), dz(70);
  launch(on, {2, 64}, add4_kernel, 70, dx, dy, dz);
  const auto z = dz.host();
  for (int i = 0; i < 70; ++i) {
    EXPECT_EQ(z[size_t(i)].x, float(i + 1));
    EXPECT_EQ(z[size_t(i)].w, float(i + 3));
  }
}

TEST_P(EmulatedKernel, Bf16) {
  DeviceArray<__nv_bfloat16> x(numbers<__nv_bfloat16>(100)), y(100);
  launch(on, {1, 128}, scale_bf16_kernel, 100, 3, x, y);
  const auto given = numbers(100);
  const auto result = y.host();
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(float(result[i]), 3 * given[i]);
}

TEST_P(EmulatedKernel, Sums) {
  const auto x = numbers(1000);
  DeviceArray<float> dx(x), sums(3);
  launch(on, {1, 256}, sum_tree_kernel, 1000, dx, sums);
  launch(on, {1, 160}, sum_shuffle_kernel, 1000, dx, sums + 1);
  launch(on, {1, 256}, sum_cub_kernel, 1000, dx, sums + 2);
  EXPECT_THAT(sums.host(), Each(total(x)));
}

TEST_P(EmulatedKernel, TilesOfAWarp) {
  const auto x = numbers(8 * 50);
  DeviceArray<float> dx(x), sums(8);
  launch(on, {2, 64}, row_sums_kernel, 50, dx, sums);
  const auto result = sums.host();
  for (size_t row = 0; row < 8; ++row) EXPECT_EQ(result[row], std::accumulate(x.begin() + long(row * 50), x.begin() + long(row * 50 + 50), 0.0f)) << row;
}

TEST_P(EmulatedKernel, Scans) {
  const auto x = numbers<int>(100);
  DeviceArray<int> dx(x), y(100), before(100), sum(1);
  launch(on, {1, 128, 2 * 100 * sizeof(int)}, scan_kernel, 100, dx, y);
  launch(on, {1, 128}, scan_cub_kernel, 100, dx, before, sum);
  std::vector<int> inclusive(100), exclusive(100);
  std::inclusive_scan(x.begin(), x.end(), inclusive.begin());
  std::exclusive_scan(x.begin(), x.end(), exclusive.begin(), 0);
  EXPECT_EQ(y.host(), inclusive);
  EXPECT_EQ(before.host(), exclusive);
  EXPECT_EQ(sum.host()[0], inclusive.back());
}

TEST_P(EmulatedKernel, MatrixProducts) {
  const size_t n = 32;
  const auto a = numbers(n * n), b = numbers(n * n, 9, 4);
  std::vector<float> expected(n * n);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j)
      for (size_t k = 0; k < n; ++k) expected[i * n + j] += a[i * n + k] * b[k * n + j];
  DeviceArray<float> da(a), db(b), c(n * n);
  launch(on, {dim3(2, 2), dim3(16, 16)}, matmul_kernel, n, da, db, c);
  EXPECT_EQ(c.host(), expected);
  DeviceArray<__half> ha(numbers<__half>(n * n)), hb(numbers<__half>(n * n, 9, 4));
  DeviceArray<float> hc(n * n);
  launch(on, {dim3(2, 1), dim3(32, 2)}, matmul_wmma_kernel, n, ha, hb, hc);
  EXPECT_EQ(hc.host(), expected);
}

TEST_P(EmulatedKernel, Atomics) {
  std::vector<int> x(5000);
  std::iota(x.begin(), x.end(), 0);
  DeviceArray<int> dx(x), counts(std::vector<int>(16));
  DeviceArray<float> sum(std::vector<float>(1));
  DeviceArray<double> dsum(std::vector<double>(1));
  DeviceArray<__half> hsum(std::vector<__half>(1, __half(0.0f)));
  launch(on, {40, 128}, histogram_kernel, 5000, dx, counts, sum, dsum, hsum);
  const auto result = counts.host();
  for (int i = 0; i < 16; ++i) EXPECT_EQ(result[size_t(i)], 5000 / 16 + (i < 5000 % 16));
  EXPECT_EQ(sum.host()[0], 5000);
  EXPECT_EQ(dsum.host()[0], 2500);
  EXPECT_EQ(float(hsum.host()[0]), 64);
}

TEST_P(EmulatedKernel, Votes) {
  std::vector<int> x(64);
  std::iota(x.begin(), x.end(), 0);
  DeviceArray<int> dx(x), out(64 * 7);
  launch(on, {1, 64}, votes_kernel, dx, out);
  const auto result = out.host();
  for (int i = 0; i < 64; ++i) {
    const std::vector<int> mine(result.begin() + i * 7, result.begin() + i * 7 + 7);
    EXPECT_THAT(mine, ElementsAreArray({63, 1, 0, int(i >= 32), 1, 8, i < 32 ? 31 : 63})) << i;
  }
}

TEST_P(EmulatedKernel, LastBlockAddsUp) {
  const auto x = numbers(10 * 32);
  DeviceArray<float> dx(x), parts(10), sum(1);
  DeviceArray<unsigned> count(std::vector<unsigned>(1));
  launch(on, {10, 32}, last_block_sum_kernel, 320, dx, parts, count, sum);
  EXPECT_EQ(sum.host()[0], total(x));
}

TEST_P(EmulatedKernel, CompactionByBallots) {
  const auto x = numbers<int>(100);
  std::vector<int> expected;
  for (int value : x)
    if (value > 0) expected.push_back(value);
  DeviceArray<int> dx(x), positive(100), count(1);
  launch(on, {1, 32}, compact_kernel, 100, dx, positive, count);
  ASSERT_EQ(count.host()[0], int(expected.size()));
  auto result = positive.host();
  result.resize(expected.size());
  EXPECT_EQ(result, expected);
}

}  // namespace
}  // namespace mica::emulator
