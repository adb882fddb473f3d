#include <gmock/gmock.h>
#include <algorithm>
#include <cmath>
#include <numeric>
#include "mica/tests/emulator/cub.h"
#include "mica/tests/emulator/testing.h"
// CUB's functions for the whole device: numbers, both calls of the temporary storage's protocol, capture.
namespace mica::emulator {
namespace {
using testing::ElementsAre;
using testing::ElementsAreArray;

template <class T> std::vector<T> numbers(size_t n) {
  std::vector<T> result(n);
  for (size_t i = 0; i < n; ++i) result[i] = T(int(i * 37 % 101) - 40);
  return result;
}

// Calls f twice: for the size of its storage, and to do the work.
template <class F> void run(F f) {
  size_t bytes = 0;
  ASSERT_EQ(f(nullptr, bytes), cudaSuccess);
  ASSERT_GT(bytes, 0u);
  DeviceArray<char> storage(bytes);
  ASSERT_EQ(f(static_cast<void*>(storage), bytes), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(nullptr), cudaSuccess);
}

TEST(EmulatedCubDevice, Reductions) {
  const auto x = numbers<float>(1000);
  DeviceArray<float> dx(x), few(std::vector<float>{2, 3, -4}), product(1);
  DeviceArray<double> sum(1);
  DeviceArray<int> ints(numbers<int>(1000)), smallest(1), sum_of_bytes(1);
  DeviceArray<__half> halves(std::vector<__half>(100, __half(-7.0f))), largest(1);
  DeviceArray<int8_t> bytes_(std::vector<int8_t>(1000, 100));
  run([&](void* p, size_t& bytes) { return cub_functions::sum(p, bytes, dx, sum, 1000, nullptr); });
  EXPECT_EQ(sum.host()[0], std::accumulate(x.begin(), x.end(), 0.0));
  run([&](void* p, size_t& bytes) { return cub_functions::sum(p, bytes, bytes_, sum_of_bytes, 1000, nullptr); });
  EXPECT_EQ(sum_of_bytes.host()[0], 100000);
  run([&](void* p, size_t& bytes) { return cub_functions::smallest(p, bytes, ints, smallest, 1000, nullptr); });
  EXPECT_EQ(smallest.host()[0], -40);
  run([&](void* p, size_t& bytes) { return cub_functions::largest(p, bytes, halves, largest, 100, nullptr); });
  EXPECT_EQ(float(largest.host()[0]), -7);
  run([&](void* p, size_t& bytes) { return cub_functions::product(p, bytes, few, product, 3, 0.5f, nullptr); });
  EXPECT_EQ(product.host()[0], -12);
}
TEST(EmulatedCubDevice, ReductionsOfNothing) {
  DeviceArray<float> x(1), product(1);
  DeviceArray<double> sum(1);
  run([&](void* p, size_t& bytes) { return cub_functions::sum(p, bytes, x, sum, 0, nullptr); });
  run([&](void* p, size_t& bytes) { return cub_functions::product(p, bytes, x, product, 0, 0.5f, nullptr); });
  EXPECT_EQ(sum.host()[0], 0);
  EXPECT_EQ(product.host()[0], 0.5);
}
TEST(EmulatedCubDevice, Segments) {
  const auto x = numbers<float>(24);
  DeviceArray<float> dx(x), sums(4), y(4);
  run([&](void* p, size_t& bytes) { return cub_functions::row_sums(p, bytes, dx, sums, 4, 6, nullptr); });
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(sums.host()[i], std::accumulate(x.begin() + long(i * 6), x.begin() + long(i * 6 + 6), 0.0f));
  DeviceArray<int64_t> ends(std::vector<int64_t>{2, 5, 5, 9, 10});  // the second is empty
  run([&](void* p, size_t& bytes) { return cub_functions::segment_largest(p, bytes, dx, y, 4, ends, nullptr); });
  EXPECT_THAT(y.host(), ElementsAre(*std::max_element(x.begin() + 2, x.begin() + 5), std::numeric_limits<float>::lowest(), *std::max_element(x.begin() + 5, x.begin() + 9), x[9]));
  run([&](void* p, size_t& bytes) { return cub_functions::segment_smallest(p, bytes, dx, y, 4, ends, nullptr); });
  EXPECT_THAT(y.host(), ElementsAre(*std::min_element(x.begin() + 2, x.begin() + 5), std::numeric_limits<float>::max(), *std::min_element(x.begin() + 5, x.begin() + 9), x[9]));
  run([&](void* p, size_t& bytes) { return cub_functions::segment_product(p, bytes, dx, y, 4, ends, nullptr); });
  EXPECT_THAT(y.host(), ElementsAre(x[2] * x[3] * x[4], 1.0f, x[5] * x[6] * x[7] * x[8], x[9]));
}
TEST(EmulatedCubDevice, Scans) {
  const auto x = numbers<int>(500);
  const auto fx = numbers<float>(500);
  DeviceArray<int> dx(x), before(500), in_place(x);
  DeviceArray<int64_t> sums(500);
  DeviceArray<float> dfx(fx), highest(500), highest_before(500);
  run([&](void* p, size_t& bytes) { return cub_functions::inclusive_sum(p, bytes, dx, sums, 500, nullptr); });
  run([&](void* p, size_t& bytes) { return cub_functions::exclusive_sum(p, bytes, dx, before, 500, nullptr); });
  run([&](void* p, size_t& bytes) { return cub_functions::exclusive_sum(p, bytes, in_place, in_place, 500, nullptr); });
  run([&](void* p, size_t& bytes) { return cub_functions::running_largest(p, bytes, dfx, highest, 500, nullptr); });
  run([&](void* p, size_t& bytes) { return cub_functions::largest_before(p, bytes, dfx, highest_before, 1.0f, 500, nullptr); });
  std::vector<int64_t> expected_sums(500);
  std::vector<int> expected_before(500);
  std::vector<float> expected_highest(500), expected_highest_before(500);
  const auto larger = [](float a, float b) { return std::max(a, b); };
  std::inclusive_scan(x.begin(), x.end(), expected_sums.begin());
  std::exclusive_scan(x.begin(), x.end(), expected_before.begin(), 0);
  std::inclusive_scan(fx.begin(), fx.end(), expected_highest.begin(), larger);
  std::exclusive_scan(fx.begin(), fx.end(), expected_highest_before.begin(), 1.0f, larger);
  EXPECT_EQ(sums.host(), expected_sums);
  EXPECT_EQ(before.host(), expected_before);
  EXPECT_EQ(in_place.host(), expected_before);
  EXPECT_EQ(highest.host(), expected_highest);
  EXPECT_EQ(highest_before.host(), expected_highest_before);
}
TEST(EmulatedCubDevice, Select) {
  const std::vector<float> x = {0, 1, 0, 3, 4, 0, 6};
  DeviceArray<float> dx(x), y(7);
  DeviceArray<bool> flags(7);
  const bool host_flags[] = {true, false, false, true, true, false, true};
  cudaMemcpy(flags, host_flags, 7, cudaMemcpyHostToDevice);
  DeviceArray<int64_t> places(7), count(2);
  run([&](void* p, size_t& bytes) { return cub_functions::flagged(p, bytes, dx, flags, y, count, 7, nullptr); });
  run([&](void* p, size_t& bytes) { return cub_functions::places_of_nonzero(p, bytes, dx, places, count + 1, 7, nullptr); });
  EXPECT_THAT(count.host(), ElementsAre(4, 4));
  auto selected = y.host();
  selected.resize(4);
  EXPECT_THAT(selected, ElementsAre(0, 3, 4, 6));
  auto found = places.host();
  found.resize(4);
  EXPECT_THAT(found, ElementsAre(1, 3, 4, 6));
}
TEST(EmulatedCubDevice, Sorts) {
  auto keys = numbers<float>(300);
  keys[3] = INFINITY, keys[4] = -INFINITY, keys[5] = NAN, keys[6] = -0.0f, keys[40] = 0.0f;  // zero and 40 * 37 % 101 - 40 are keys, too
  std::vector<int64_t> values(300);
  std::iota(values.begin(), values.end(), 0);
  DeviceArray<float> dkeys(keys), sorted(300);
  DeviceArray<int64_t> dvalues(values), sorted_values(300);
  run([&](void* p, size_t& bytes) { return cub_functions::sort(p, bytes, dkeys, sorted, dvalues, sorted_values, 300, nullptr); });
  std::stable_sort(values.begin(), values.end(), [&](int64_t a, int64_t b) { return !std::isnan(keys[size_t(a)]) && (std::isnan(keys[size_t(b)]) || keys[size_t(a)] < keys[size_t(b)]); });
  EXPECT_EQ(sorted_values.host(), values);
  for (size_t i = 0; i + 1 < 300; ++i) EXPECT_EQ(sorted.host()[i], keys[size_t(values[i])]) << i;
  EXPECT_TRUE(std::isnan(sorted.host()[299]));

  const std::vector<__nv_bfloat16> halves = {1.0f, -2.0f, 3.0f, 1.0f, -0.5f};
  DeviceArray<__nv_bfloat16> dhalves(halves), sorted_halves(5);
  DeviceArray<int> places(std::vector<int>{0, 1, 2, 3, 4}), sorted_places(5);
  run([&](void* p, size_t& bytes) { return cub_functions::sort_descending(p, bytes, dhalves, sorted_halves, places, sorted_places, 5, nullptr); });
  EXPECT_THAT(sorted_places.host(), ElementsAre(2, 0, 3, 4, 1));
  EXPECT_EQ(float(sorted_halves.host()[4]), -2);

  DeviceArray<int> ints(std::vector<int>{0x31, 0x12, 0x21, 0x10, -1}), by_bits(5);
  run([&](void* p, size_t& bytes) { return cub_functions::sort_by_bits(p, bytes, ints, by_bits, 5, 0, 4, nullptr); });
  EXPECT_THAT(by_bits.host(), ElementsAre(0x10, 0x31, 0x21, 0x12, -1));
  run([&](void* p, size_t& bytes) { return cub_functions::sort_by_bits(p, bytes, ints, by_bits, 5, 0, 32, nullptr); });
  EXPECT_THAT(by_bits.host(), ElementsAre(-1, 0x10, 0x12, 0x21, 0x31));
}
TEST(EmulatedCubDevice, SegmentedSorts) {
  DeviceArray<float> keys(std::vector<float>{3, 1, 2, 9, 5, 4, 5, 0}), sorted(std::vector<float>(8, 77));
  DeviceArray<int> values(std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}), sorted_values(std::vector<int>(8, 77));
  DeviceArray<int> begins(std::vector<int>{0, 3, 4}), ends(std::vector<int>{3, 3, 7});
  run([&](void* p, size_t& bytes) { return cub_functions::sort_segments(p, bytes, keys, sorted, values, sorted_values, 8, 3, begins, ends, false, nullptr); });
  EXPECT_THAT(sorted.host(), ElementsAre(1, 2, 3, 77, 4, 5, 5, 77));
  EXPECT_THAT(sorted_values.host(), ElementsAre(1, 2, 0, 77, 5, 4, 6, 77));
  run([&](void* p, size_t& bytes) { return cub_functions::sort_segments(p, bytes, keys, sorted, values, sorted_values, 8, 3, begins, ends, true, nullptr); });
  EXPECT_THAT(sorted_values.host(), ElementsAre(0, 2, 1, 77, 4, 6, 5, 77));
}
TEST(EmulatedCubDevice, Runs) {
  DeviceArray<int> x(std::vector<int>{5, 5, 2, 7, 7, 7}), unique(3), lengths(3), count(1);
  run([&](void* p, size_t& bytes) { return cub_functions::runs(p, bytes, x, unique, lengths, count, 6, nullptr); });
  EXPECT_EQ(count.host()[0], 3);
  EXPECT_THAT(unique.host(), ElementsAre(5, 2, 7));
  EXPECT_THAT(lengths.host(), ElementsAre(2, 1, 3));
}

TEST(EmulatedCubDevice, StorageIsCheckedAndFilledWithNaN) {
  DeviceArray<float> x(std::vector<float>(1000, 1));
  DeviceArray<double> y(1);
  size_t needed = 0, more = 0;
  EXPECT_EQ(cub_functions::sum(nullptr, needed, x, y, 100, nullptr), cudaSuccess);
  EXPECT_EQ(cub_functions::sum(nullptr, more, x, y, 1000, nullptr), cudaSuccess);
  EXPECT_GT(more, needed);
  DeviceArray<char> storage(std::vector<char>(needed, 1));
  size_t given = needed;
  EXPECT_EQ(cub_functions::sum(storage, given, x, y, 1000, nullptr), cudaErrorInvalidValue);  // asked for with another n
  given = 2 * needed;
  EXPECT_EQ(cub_functions::sum(storage, given, x, y, 100, nullptr), cudaErrorInvalidValue);
  EXPECT_TRUE(caught("temporary storage", {line_of("cub_device.cu", "sum"), "no live device memory"}));
  EXPECT_EQ(storage.host()[5], 1);  // nothing was queued
  given = needed;
  EXPECT_EQ(cub_functions::sum(storage, given, x, y, 100, nullptr), cudaSuccess);
  EXPECT_EQ(static_cast<unsigned char>(storage.host()[5]), 0xff);
  EXPECT_EQ(y.host()[0], 100);
  cudaGetLastError();
}
TEST(EmulatedCubDevice, StorageFreedTooEarly) {
  DeviceArray<float> x(std::vector<float>(100, 1));
  DeviceArray<double> y(1);
  cudaStream_t stream, other;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking);
  size_t bytes = 0;
  cub_functions::sum(nullptr, bytes, x, y, 100, stream);
  void* storage;
  cudaMallocAsync(&storage, bytes, other);
  EXPECT_EQ(cub_functions::sum(storage, bytes, x, y, 100, stream), cudaSuccess);
  cudaFreeAsync(storage, other);
  cudaStreamSynchronize(other);
  cudaStreamSynchronize(stream);
  EXPECT_TRUE(caught("use after free", {"cub_device.cu:", "and freed at cub_device_test.cpp:"}));
  cudaStreamDestroy(stream), cudaStreamDestroy(other);
}
TEST(EmulatedCubDevice, ArraysMustNotOverlap) {
  DeviceArray<float> keys(std::vector<float>(8, 1));
  DeviceArray<int64_t> values(8), sorted_values(8);
  size_t bytes = 0;
  cub_functions::sort(nullptr, bytes, keys, keys, values, sorted_values, 8, nullptr);
  DeviceArray<char> storage(bytes);
  DeviceArray<int64_t> initialised(std::vector<int64_t>(8));
  cub_functions::sort(storage, bytes, keys, keys, initialised, sorted_values, 8, nullptr);
  EXPECT_TRUE(caught("overlapping arrays", {line_of("cub_device.cu", "sort")}));
  cudaDeviceSynchronize();
}
TEST(EmulatedCubDevice, IsLazyAndCaptured) {
  DeviceArray<float> x(std::vector<float>(100, 1));
  DeviceArray<double> y(std::vector<double>(1));
  size_t bytes = 0;
  cub_functions::sum(nullptr, bytes, x, y, 100, nullptr);
  DeviceArray<char> storage(bytes);
  cudaStream_t stream;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess);
  EXPECT_EQ(cub_functions::sum(storage, bytes, x, y, 100, stream), cudaSuccess);
  cudaGraph_t graph;
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  cudaGraphExec_t executable;
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  EXPECT_EQ(y.host()[0], 0);
  EXPECT_EQ(cudaGraphLaunch(executable, stream), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(y.host()[0], 100);
  cudaGraphExecDestroy(executable), cudaGraphDestroy(graph), cudaStreamDestroy(stream);
}

}  // namespace
}  // namespace mica::emulator
