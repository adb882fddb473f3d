#include <gmock/gmock.h>
#include <set>
#include "mica/tests/emulator/bugs.h"
#include "mica/tests/emulator/kernels.h"
#include "mica/tests/emulator/runtime.h"
#include "mica/tests/emulator/testing.h"
// The doubles of the CUDA runtime: streams, events, graphs, memory, failures on request.
namespace mica::emulator {
namespace {
using testing::Each;
using testing::HasSubstr;

class EmulatedRuntime : public testing::Test {
  ConfigScope scope_;
};

template <class F> std::string error_of(F f) {
  try {
    f();
  } catch (const CudaError& e) {
    return e.what();
  }
  return "no error";
}

TEST_F(EmulatedRuntime, LaunchesAreCheckedAsTheDriverDoes) {
  DeviceArray<int> out(64);
  const auto refused = [&](dim3 blocks, dim3 threads, size_t shared = 0) { return error_of([&] { launch(on, {blocks, threads, shared}, index_kernel, out); }); };
  EXPECT_THAT(refused(1, 0), HasSubstr("cudaErrorInvalidConfiguration"));
  EXPECT_THAT(refused(1, 1025), HasSubstr("cudaErrorInvalidConfiguration"));
  EXPECT_THAT(refused(1, dim3(1, 1, 65)), HasSubstr("cudaErrorInvalidConfiguration"));
  EXPECT_THAT(refused(0, 1), HasSubstr("cudaErrorInvalidConfiguration"));
  EXPECT_THAT(refused(dim3(1, 65536), 1), HasSubstr("cudaErrorInvalidConfiguration"));
  EXPECT_THAT(refused(dim3(1, 1, 65536), 1), HasSubstr("blocks (1, 1, 65536), threads (1, 1, 1)"));
  EXPECT_THAT(refused(1, 1, 50000), HasSubstr("runtime_test.cpp:"));
  EXPECT_EQ(cudaFuncSetAttribute(reinterpret_cast<const void*>(index_kernel), cudaFuncAttributeMaxDynamicSharedMemorySize, 60000), cudaSuccess);
  EXPECT_EQ(refused(1, 1, 50000), "no error");
  EXPECT_EQ(cudaFuncSetAttribute(reinterpret_cast<const void*>(index_kernel), cudaFuncAttributeMaxDynamicSharedMemorySize, 48 << 10), cudaSuccess);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST_F(EmulatedRuntime, StreamsRunOnlyWhenSomethingWaits) {
  cudaStream_t stream;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  DeviceArray<float> x(std::vector<float>(64, 1)), y(std::vector<float>(64, 0));
  launch(Cuda{0, stream}, {1, 64}, axpy_kernel, 64, 5, x, y);
  if (!detects_races) {
    EXPECT_THAT(y.host(), Each(0.0f));  // a synchronisation is missing
  }
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_THAT(y.host(), Each(5.0f));
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  take_reports();
}

TEST_F(EmulatedRuntime, EventsOrderStreams) {
  for (const Order order : orders) {
    config().order = order;
    cudaStream_t a, b;
    cudaEvent_t event;
    cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking), cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking), cudaEventCreate(&event);
    DeviceArray<float> x(std::vector<float>(64, 1)), y(std::vector<float>(64, 0)), z(64);
    launch(Cuda{0, a}, {1, 64}, axpy_kernel, 64, 5, x, y);
    EXPECT_EQ(cudaEventRecord(event, a), cudaSuccess);
    EXPECT_EQ(cudaStreamWaitEvent(b, event, 0), cudaSuccess);
    launch(Cuda{0, b}, {1, 64}, copy_kernel, y, z, 64);
    EXPECT_EQ(cudaEventQuery(event), cudaErrorNotReady);
    EXPECT_EQ(cudaStreamSynchronize(b), cudaSuccess);
    EXPECT_THAT(z.host(), Each(5.0f));
    cudaStreamDestroy(a), cudaStreamDestroy(b), cudaEventDestroy(event);
  }
}

TEST_F(EmulatedRuntime, GraphsReplayWhatWasCaptured) {
  cudaStream_t stream;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  const Cuda here{0, stream};
  DeviceArray<float> x(std::vector<float>(64, 1)), y(std::vector<float>(64, 0));
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess);
  launch(here, {1, 64}, axpy_kernel, 64, 5, x, y);
  launch(here, {1, 64}, axpy_kernel, 64, 2, x, y);
  cudaGraph_t graph;
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  size_t nodes = 0;
  EXPECT_EQ(cudaGraphGetNodes(graph, nullptr, &nodes), cudaSuccess);
  EXPECT_EQ(nodes, 2u);
  cudaGraphExec_t executable;
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  EXPECT_THAT(y.host(), Each(0.0f));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(cudaGraphLaunch(executable, stream), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_THAT(y.host(), Each(21.0f));
  cudaGraphExecDestroy(executable), cudaGraphDestroy(graph), cudaStreamDestroy(stream);
}

TEST_F(EmulatedRuntime, AnEventOfAnEndedCaptureOrdersNothing) {
  cudaStream_t stream;
  cudaEvent_t event;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaEventCreate(&event);
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess);
  EXPECT_EQ(cudaEventRecord(event, stream), cudaSuccess);
  cudaGraph_t graph;
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(stream, event, 0), cudaErrorCapturedEvent);
  EXPECT_EQ(cudaEventSynchronize(event), cudaErrorCapturedEvent);
  EXPECT_EQ(cudaEventRecord(event, stream), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(stream, event, 0), cudaSuccess);
  EXPECT_EQ(cudaEventSynchronize(event), cudaSuccess);
  cudaGraphDestroy(graph), cudaStreamDestroy(stream), cudaEventDestroy(event);
}

TEST_F(EmulatedRuntime, WaitingInvalidatesACapture) {
  cudaStream_t stream;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorStreamCaptureUnsupported);
  cudaGraph_t graph;
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  cudaStreamDestroy(stream);
  cudaGetLastError();
}

TEST_F(EmulatedRuntime, CallsFailOnRequest) {
  reset_calls();
  fail_call("cudaMalloc", 2, cudaErrorMemoryAllocation);
  DeviceArray<float> first(8);
  EXPECT_THAT(error_of([] { DeviceArray<float> second(8); }), HasSubstr("cudaMalloc failed at testing.h"));
  EXPECT_EQ(calls("cudaMalloc"), 2);
  fail_call("cudaLaunchKernel", 1, cudaErrorLaunchOutOfResources);
  DeviceArray<int> out(1);
  EXPECT_THAT(error_of([&] { launch(on, {1, 1}, index_kernel, out); }), HasSubstr("too many resources requested"));
  EXPECT_EQ(error_of([&] { launch(on, {1, 1}, index_kernel, out); }), "no error");
  reset_calls();
}

TEST_F(EmulatedRuntime, MemoryIsUsedAgainAfterItsQuarantine) {
  config().quarantine = 1 << 20;
  std::set<float*> seen;
  for (int i = 0; i < 100; ++i) seen.insert(DeviceArray<float>(32 << 10));
  EXPECT_GT(seen.size(), 5u);
  EXPECT_LT(seen.size(), 20u);
}

TEST_F(EmulatedRuntime, CopyFromFreedMemory) {
  cudaStream_t stream;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  float *from, *to;
  ASSERT_EQ(cudaMalloc(&from, 256), cudaSuccess);
  ASSERT_EQ(cudaMalloc(&to, 256), cudaSuccess);
  cudaMemset(from, 0, 256);
  EXPECT_EQ(cudaFreeAsync(from, nullptr), cudaSuccess);
  cudaMemcpyAsync(to, from, 256, cudaMemcpyDeviceToDevice, stream);
  cudaStreamSynchronize(nullptr);
  cudaStreamSynchronize(stream);
  EXPECT_TRUE(caught("use after free", {"cudaMemcpyAsync called at runtime_test.cpp:", "and freed at runtime_test.cpp:"}));
  cudaFree(to);
  cudaStreamDestroy(stream);
}

TEST_F(EmulatedRuntime, GuardStopsTheHost) {
  if (address_sanitizer) GTEST_SKIP() << "AddressSanitizer's handler prints first";
  config().guard = true;
  DeviceArray<float> x(std::vector<float>(64, 1));
  EXPECT_DEATH(static_cast<volatile float*>(static_cast<float*>(x))[3] = 1, "the host touches device memory at runtime_test.cpp:.*byte 12 of the 256 bytes");
  float* pinned;
  ASSERT_EQ(cudaMallocHost(&pinned, 256), cudaSuccess);
  cudaMemcpyAsync(pinned, x, 256, cudaMemcpyDeviceToHost, nullptr);
  EXPECT_DEATH((void)*static_cast<volatile float*>(pinned), "the host touches pinned memory which cudaMemcpyAsync called at runtime_test.cpp:.*still has to write");
  cudaMemcpyAsync(pinned, x, 256, cudaMemcpyDeviceToHost, nullptr);  // two that use one page do not stop each other
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(pinned[3], 1);
  cudaFreeHost(pinned);
}

}  // namespace
}  // namespace mica::emulator
