#include <gmock/gmock.h>
#include <numeric>
#include "mica/tests/emulator/bugs.h"
#include "mica/tests/emulator/kernels.h"
#include "mica/tests/emulator/runtime.h"
#include "mica/tests/emulator/testing.h"
// Copies of rows, memory both host and device see, functions of the host in a stream, what the device says of itself.
namespace mica::emulator {
namespace {
using testing::Each;
using testing::ElementsAre;

class EmulatedCopies : public testing::Test {
  ConfigScope scope_;

 protected:
  void SetUp() override { ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess); }
  void TearDown() override {
    cudaStreamDestroy(stream);
    cudaGetLastError();
  }
  cudaStream_t stream;
};

TEST_F(EmulatedCopies, Rows) {
  std::vector<int> x(12), y(6, -1);
  std::iota(x.begin(), x.end(), 0);
  DeviceArray<int> a(std::vector<int>(15, -1)), b(std::vector<int>(6, -1));
  // 3 rows of 4 into rows of 5; then of each row 2 from column 1 on; then back into rows of 2.
  EXPECT_EQ(cudaMemcpy2DAsync(a, 20, x.data(), 16, 16, 3, cudaMemcpyHostToDevice, stream), cudaSuccess);
  std::fill(x.begin(), x.end(), 99);  // it was read before the call returned: it is not pinned
  EXPECT_EQ(cudaMemcpy2DAsync(b, 8, a + 1, 20, 8, 3, cudaMemcpyDeviceToDevice, stream), cudaSuccess);
  EXPECT_EQ(cudaMemcpy2DAsync(y.data(), 8, b, 8, 8, 3, cudaMemcpyDefault, stream), cudaSuccess);
  EXPECT_THAT(y, ElementsAre(1, 2, 5, 6, 9, 10));  // without a synchronisation: it is not pinned
  EXPECT_THAT(a.host(), ElementsAre(0, 1, 2, 3, -1, 4, 5, 6, 7, -1, 8, 9, 10, 11, -1));
}
TEST_F(EmulatedCopies, RowsThatDoNotFit) {
  DeviceArray<int> a(15), b(15);
  const auto copy = [&](size_t to_step, size_t from_step, size_t bytes, size_t rows, cudaMemcpyKind kind = cudaMemcpyDeviceToDevice) {
    return cudaMemcpy2DAsync(b, to_step, a, from_step, bytes, rows, kind, stream);
  };
  EXPECT_EQ(copy(16, 20, 20, 3), cudaErrorInvalidPitchValue);
  EXPECT_EQ(copy(20, 16, 20, 3), cudaErrorInvalidPitchValue);
  EXPECT_EQ(copy(20, 20, 20, 4), cudaErrorInvalidValue);  // beyond the end
  EXPECT_EQ(copy(24, 20, 20, 3), cudaErrorInvalidValue);
  EXPECT_EQ(copy(24, 20, 12, 3), cudaSuccess);            // the last row ends where the memory does
  EXPECT_EQ(copy(20, 20, 20, 3, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(copy(20, 20, 0, 3), cudaSuccess);
}
TEST_F(EmulatedCopies, RowsAreSeenByTheRaceDetector) {
  if (!detects_races) GTEST_SKIP() << "this build has no race detector";
  DeviceArray<float> a(std::vector<float>(64, 1)), b(64);
  cudaStream_t other;
  cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking);
  EXPECT_EQ(cudaMemcpy2DAsync(b, 16, a, 16, 8, 16, cudaMemcpyDeviceToDevice, stream), cudaSuccess);
  launch(Cuda{0, other}, {1, 64}, copy_kernel, a, b, 64);
  cudaDeviceSynchronize();
  EXPECT_TRUE(caught("race between streams", {"cudaMemcpy2DAsync called at copies_test.cpp:", line_of("bugs.cu", "copy")}));
  cudaStreamDestroy(other);
}

TEST_F(EmulatedCopies, AtomicsOnMappedMemory) {
  for (const Order order : orders) {
    config().order = order;
    int* lock = nullptr;
    ASSERT_EQ(cudaHostAlloc(reinterpret_cast<void**>(&lock), 514 * sizeof(int) + 8, cudaHostAllocMapped), cudaSuccess);
    void* on_device = nullptr;
    ASSERT_EQ(cudaHostGetDevicePointer(&on_device, lock, 0), cudaSuccess);
    auto* device_lock = static_cast<int*>(on_device);
    std::fill_n(lock, 516, 0);
    lock[1] = -1;
    auto* sum = reinterpret_cast<unsigned long long*>(device_lock + 514);
    launch(Cuda{0, stream}, {2, 256}, ticket_kernel, device_lock, device_lock + 2, sum);
    EXPECT_EQ(lock[0], 0);  // lazily
    EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    EXPECT_EQ(lock[0], 1);
    EXPECT_GE(lock[1], 0);
    for (int i = 0; i < 512; ++i) EXPECT_EQ(lock[2 + i], i + 1);
    EXPECT_EQ(*reinterpret_cast<unsigned long long*>(lock + 514), 1024u);
    cudaPointerAttributes attributes;
    EXPECT_EQ(cudaPointerGetAttributes(&attributes, lock + 3), cudaSuccess);
    EXPECT_EQ(attributes.type, cudaMemoryTypeHost);
    EXPECT_EQ(attributes.devicePointer, lock + 3);
    EXPECT_EQ(cudaFreeHost(lock), cudaSuccess);
  }
  int here = 0;
  void* none;
  EXPECT_EQ(cudaHostGetDevicePointer(&none, &here, 0), cudaErrorInvalidValue);
  EXPECT_EQ(cudaHostAlloc(&none, 16, 0x80), cudaErrorInvalidValue);
}
TEST_F(EmulatedCopies, PointersToTheHost) {
  std::vector<float> x(64, 1);
  DeviceArray<float> y(64);
  launch(on, {1, 64}, copy_kernel, x.data(), y, 64);
  EXPECT_TRUE(caught("host pointer", {"the kernel launched at copies_test.cpp:", "not pinned"}));
}

TEST_F(EmulatedCopies, FunctionsOfTheHostRunInTheStream) {
  float* pinned;
  ASSERT_EQ(cudaMallocHost(&pinned, 256), cudaSuccess);
  DeviceArray<float> x(std::vector<float>(64, 3));
  static std::vector<float> seen;
  seen.clear();
  const auto look = [](void* p) { seen.push_back(*static_cast<float*>(p)); };
  pinned[0] = 0;
  EXPECT_EQ(cudaLaunchHostFunc(stream, look, pinned), cudaSuccess);
  EXPECT_EQ(cudaMemcpyAsync(pinned, x, 256, cudaMemcpyDeviceToHost, stream), cudaSuccess);
  EXPECT_EQ(cudaLaunchHostFunc(stream, look, pinned), cudaSuccess);
  EXPECT_TRUE(seen.empty());
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_THAT(seen, ElementsAre(0, 3));
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess);
  EXPECT_EQ(cudaLaunchHostFunc(stream, look, pinned), cudaSuccess);
  cudaGraph_t graph;
  cudaGraphExec_t executable;
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  cudaGraphLaunch(executable, stream), cudaGraphLaunch(executable, stream);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_THAT(seen, ElementsAre(0, 3, 3, 3));
  cudaGraphExecDestroy(executable), cudaGraphDestroy(graph), cudaFreeHost(pinned);
}
TEST_F(EmulatedCopies, FunctionsOfTheHostCallNoRuntime) {
  static cudaError_t answer;
  EXPECT_EQ(cudaLaunchHostFunc(stream, [](void*) { answer = cudaStreamSynchronize(nullptr); }, nullptr), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(answer, cudaErrorNotPermitted);
  EXPECT_TRUE(caught("host function", {"calls cudaStreamSynchronize"}));
}
TEST_F(EmulatedCopies, FunctionsOfTheHostTouchNoDeviceMemory) {
  if (address_sanitizer) GTEST_SKIP() << "AddressSanitizer's handler prints first";
  config().guard = true;
  DeviceArray<float> x(std::vector<float>(64, 3));
  const auto run = [&] {
    cudaLaunchHostFunc(stream, [](void* p) { *static_cast<volatile float*>(p) = 1; }, static_cast<float*>(x));
    cudaStreamSynchronize(stream);
  };
  EXPECT_DEATH(run(), "the host touches device memory at copies_test.cpp:");
}

TEST(EmulatedDevice, SaysWhatItIs) {
  int count = 0, device = -1, version = 0, value = 0;
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaSuccess);
  EXPECT_EQ(count, 1);
  EXPECT_EQ(cudaSetDevice(0), cudaSuccess);
  EXPECT_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaGetDevice(&device), cudaSuccess);
  EXPECT_EQ(device, 0);
  EXPECT_EQ(cudaDriverGetVersion(&version), cudaSuccess);
  EXPECT_GE(version, 12000);
  EXPECT_EQ(cudaRuntimeGetVersion(&version), cudaSuccess);
  cudaDeviceProp properties;
  EXPECT_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
  for (const auto& [attribute, expected] : {std::pair(cudaDevAttrMultiProcessorCount, properties.multiProcessorCount), std::pair(cudaDevAttrComputeCapabilityMajor, properties.major),
                                            std::pair(cudaDevAttrMaxSharedMemoryPerBlockOptin, int(properties.sharedMemPerBlockOptin)),
                                            std::pair(cudaDevAttrMaxThreadsPerMultiProcessor, properties.maxThreadsPerMultiProcessor)}) {
    EXPECT_EQ(cudaDeviceGetAttribute(&value, attribute, 0), cudaSuccess);
    EXPECT_EQ(value, expected);
  }
  int blocks = 0;
  EXPECT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, index_kernel, 256, 0), cudaSuccess);  // the template
  EXPECT_EQ(blocks, 8);
  EXPECT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, index_kernel, 64, 100 << 10), cudaSuccess);
  EXPECT_EQ(blocks, 2);
  EXPECT_EQ(cudaFuncSetAttribute(reinterpret_cast<const void*>(index_kernel), cudaFuncAttributeMaxDynamicSharedMemorySize, (227 << 10) + 1), cudaErrorInvalidValue);
  size_t free = 0, total = 0, less = 0;
  EXPECT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  DeviceArray<char> some(1000);
  EXPECT_EQ(cudaMemGetInfo(&less, &total), cudaSuccess);
  EXPECT_EQ(free - less, 1000u);
  cudaGetLastError();
}
TEST(EmulatedDevice, EventsMeasureTime) {
  cudaEvent_t from, to, untimed;
  cudaEventCreate(&from), cudaEventCreate(&to), cudaEventCreateWithFlags(&untimed, cudaEventDisableTiming);
  float milliseconds = -1;
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, from, to), cudaErrorInvalidResourceHandle);  // not recorded
  cudaEventRecord(from, nullptr), cudaEventRecord(to, nullptr), cudaEventRecord(untimed, nullptr);
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, from, to), cudaErrorNotReady);
  EXPECT_EQ(cudaEventSynchronize(to), cudaSuccess);
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, from, to), cudaSuccess);
  EXPECT_GE(milliseconds, 0);
  EXPECT_EQ(cudaEventQuery(from), cudaSuccess);
  EXPECT_EQ(cudaEventSynchronize(untimed), cudaSuccess);
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, untimed, to), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaStreamWaitEvent(nullptr, to, 7), cudaErrorInvalidValue);
  cudaEventDestroy(from), cudaEventDestroy(to), cudaEventDestroy(untimed);
  EXPECT_EQ(cudaEventRecord(to, nullptr), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaEventCreateWithFlags(&to, 64), cudaErrorInvalidValue);
  cudaGetLastError();
}

}  // namespace
}  // namespace mica::emulator
