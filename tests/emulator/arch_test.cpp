#include "mica/tests/emulator/arch.h"
#include <gmock/gmock.h>
#include <cmath>
#include "mica/tests/emulator/testing.h"
// Asynchronous copies and matrix instructions (mica/cuda/arch) against plain loops, and their typical mistakes.
namespace mica::emulator {
namespace {
std::string at(const std::string& mark) { return line_of("arch.cu", mark); }

// Takes all reports; which line of a race comes first, and whether something unwritten is read besides, depends on the order.
bool race_of(const std::string& mark, const std::string& other) {
  bool found = false;
  for (const auto& [kind, text] : take_reports()) found |= kind == "race" && text.find(at(mark)) != std::string::npos && text.find(at(other)) != std::string::npos;
  return found;
}

class EmulatedArch : public testing::TestWithParam<Order> {
  ConfigScope scope_;

 protected:
  void SetUp() override { config().order = GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Orders, EmulatedArch, testing::ValuesIn(orders), [](const auto& info) { return std::string(name(info.param)); });

template <class T> std::vector<T> numbers(size_t n, int modulus) {
  std::vector<T> result(n);
  for (size_t i = 0; i < n; ++i) result[i] = T(float(int(i * 7 % size_t(modulus)) - modulus / 2));
  return result;
}
template <class T> std::vector<float> product(size_t rows, size_t k, size_t columns, const std::vector<T>& a, const std::vector<T>& b, float plus = 0) {
  std::vector<float> result(rows * columns, plus);
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < columns; ++j)
      for (size_t l = 0; l < k; ++l) result[i * columns + j] += float(a[i * k + l]) * float(b[l * columns + j]);
  return result;
}

template <class T> void check_mma() {
  const auto a = numbers<T>(256, 13), b = numbers<T>(128, 11);
  DeviceArray<T> da(a), db(b);
  DeviceArray<float> d(std::vector<float>(128, 3));
  launch(on, {1, 32}, mma_kernel<T>, da, db, d);
  EXPECT_EQ(d.host(), product(16, 16, 8, a, b, 3));
}
TEST_P(EmulatedArch, Mma) {
  check_mma<__half>();
  check_mma<__nv_bfloat16>();
}
TEST_P(EmulatedArch, MmaOfTf32) {
  auto a = numbers<float>(128, 13), b = numbers<float>(64, 11);
  const auto expected = product(16, 8, 8, a, b, 3);
  for (float& x : a) x *= 1 + 1.0f / (1 << 14);  // rounds to what it was
  DeviceArray<float> da(a), db(b), d(std::vector<float>(128, 3));
  launch(on, {1, 32}, mma_tf32_kernel, da, db, d);
  EXPECT_EQ(d.host(), expected);
}
template <int n, bool transposed> void check_ldmatrix() {
  std::vector<uint16_t> x(n * 64);
  for (size_t i = 0; i < x.size(); ++i) x[i] = uint16_t(i);
  DeviceArray<uint16_t> dx(x), dy(x.size());
  launch(on, {1, 32}, ldmatrix_kernel<n, transposed>, dx, dy);
  const auto y = dy.host();
  for (size_t matrix = 0; matrix < n; ++matrix)
    for (size_t lane = 0; lane < 32; ++lane)
      for (size_t i = 0; i < 2; ++i) {
        const size_t row = lane / 4, column = lane % 4 * 2 + i;
        EXPECT_EQ(y[(matrix * 32 + lane) * 2 + i], matrix * 64 + (transposed ? column * 8 + row : row * 8 + column)) << n << " " << transposed << " " << lane;
      }
}
TEST_P(EmulatedArch, Ldmatrix) {
  check_ldmatrix<1, false>(), check_ldmatrix<2, false>(), check_ldmatrix<4, false>();
  check_ldmatrix<1, true>(), check_ldmatrix<2, true>(), check_ldmatrix<4, true>();
}
template <class T> void check_pipeline() {
  for (const size_t k : {16u, 32u, 80u}) {
    const auto a = numbers<T>(16 * k, 13), b = numbers<T>(8 * k, 11);
    DeviceArray<T> da(a), db(b);
    DeviceArray<float> c(128);
    launch(on, {1, 32}, pipeline_kernel<T>, k, da, db, c);
    EXPECT_EQ(c.host(), product(16, k, 8, a, b)) << k;
  }
}
TEST_P(EmulatedArch, CopiesWhileProductsRun) {
  check_pipeline<__half>();
  check_pipeline<__nv_bfloat16>();
}

class EmulatedCopyAhead : public EmulatedArch {
 protected:
  std::vector<float4> numbers4() {
    std::vector<float4> result(32);
    for (size_t i = 0; i < 32; ++i) result[i] = make_float4(float(i), 1, 2, 3);
    return result;
  }
  DeviceArray<float4> x{numbers4()}, y{32};
};
INSTANTIATE_TEST_SUITE_P(Orders, EmulatedCopyAhead, testing::ValuesIn(orders), [](const auto& info) { return std::string(name(info.param)); });

TEST_P(EmulatedCopyAhead, Zeros) {
  launch(on, {1, 32}, zeros_kernel, 20, x, y);
  const auto result = y.host();
  for (size_t i = 0; i < 32; ++i) {
    EXPECT_EQ(result[i].x, i < 20 ? float(i) : 0.0f);
    EXPECT_EQ(result[i].w, i < 20 ? 3.0f : 0.0f);
  }
}
TEST_P(EmulatedCopyAhead, MissingWait) {
  launch(on, {1, 32}, missing_wait_kernel, x, y);
  EXPECT_TRUE(std::isnan(y.host()[5].x));
}
TEST_P(EmulatedCopyAhead, MissingCommit) {
  launch(on, {1, 32}, missing_commit_kernel, x, y);
  EXPECT_TRUE(std::isnan(y.host()[5].x));
}
TEST_P(EmulatedCopyAhead, MissingBarrier) {
  if (!detects_races) GTEST_SKIP() << "this build has no race detector";
  launch(on, {1, 32}, missing_barrier_behind_wait_kernel, x, y);
  cudaDeviceSynchronize();
  EXPECT_TRUE(race_of("copy without a barrier", "read without a barrier"));
}
TEST_P(EmulatedCopyAhead, Misaligned) {
  DeviceArray<float> floats(std::vector<float>(64)), to(32);
  launch(on, {1, 32}, misaligned_copy_kernel, floats, to);
  cudaDeviceSynchronize();
  EXPECT_TRUE(caught("misaligned address", {at("misaligned copy")}));
}
TEST_P(EmulatedArch, LdmatrixNeedsASyncwarp) {
  if (!detects_races) GTEST_SKIP() << "this build has no race detector";
  DeviceArray<uint16_t> x(std::vector<uint16_t>(32)), y(32);
  launch(on, {1, 32}, missing_syncwarp_before_ldmatrix_kernel, x, y);
  cudaDeviceSynchronize();
  EXPECT_TRUE(race_of("write before ldmatrix", "ldmatrix without syncwarp"));
}
TEST_P(EmulatedArch, MisalignedLdmatrix) {
  DeviceArray<uint16_t> y(32);
  launch(on, {1, 32}, misaligned_ldmatrix_kernel, y);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
  EXPECT_TRUE(caught("misaligned address", {"ldmatrix", at("misaligned ldmatrix")}));
  cudaGetLastError();
}
TEST_P(EmulatedArch, MmaInHalfAWarp) {
  DeviceArray<float> d(128);
  launch(on, {1, 32}, mma_in_half_a_warp_kernel, d);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
  EXPECT_TRUE(caught("warp divergence", {at("half a warp")}));
  launch(on, {1, 16}, mma_in_half_a_warp_kernel, d);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
  EXPECT_TRUE(caught("warp divergence", {at("half a warp"), "16 lanes of a warp"}));
  cudaGetLastError();
}

}  // namespace
}  // namespace mica::emulator
