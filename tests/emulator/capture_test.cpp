#include <gmock/gmock.h>
#include <array>
#include <functional>
#include <thread>
#include "mica/tests/emulator/bugs.h"
#include "mica/tests/emulator/kernels.h"
#include "mica/tests/emulator/testing.h"
// Capture over several streams, and what it refuses.
namespace mica::emulator {
namespace {
using testing::Each;

class EmulatedCapture : public testing::TestWithParam<Order> {
  ConfigScope scope_;

 protected:
  void SetUp() override {
    config().order = GetParam();
    for (auto& s : streams) ASSERT_EQ(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking), cudaSuccess);
    for (auto& e : events) ASSERT_EQ(cudaEventCreateWithFlags(&e, cudaEventDisableTiming), cudaSuccess);
  }
  void TearDown() override {
    for (auto s : streams) cudaStreamDestroy(s);
    for (auto e : events) cudaEventDestroy(e);
    cudaGetLastError();
  }
  void begin(cudaStream_t s, cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal) { ASSERT_EQ(cudaStreamBeginCapture(s, mode), cudaSuccess); }
  cudaError_t end(cudaStream_t s) {
    cudaGraph_t graph = nullptr;
    const auto error = cudaStreamEndCapture(s, &graph);
    if (graph) cudaGraphDestroy(graph);
    return error;
  }
  cudaStream_t streams[3];
  cudaEvent_t events[3];
};
INSTANTIATE_TEST_SUITE_P(Orders, EmulatedCapture, testing::ValuesIn(orders), [](const auto& info) { return std::string(name(info.param)); });

// y = 5 x on the first stream; then z = y on the second beside w = y on the third; then y += 2 x, and z and w are joined.
TEST_P(EmulatedCapture, ForkAndJoin) {
  DeviceArray<float> x(std::vector<float>(64, 1)), y(64), z(64), w(64);
  const auto [a, b, c] = streams;
  begin(a);
  EXPECT_EQ(cudaMemsetAsync(y, 0, 256, a), cudaSuccess);
  launch(Cuda{0, a}, {1, 64}, axpy_kernel, 64, 5, x, y);
  EXPECT_EQ(cudaEventRecord(events[0], a), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(b, events[0], 0), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(c, events[0], 0), cudaSuccess);
  launch(Cuda{0, b}, {1, 64}, copy_kernel, y, z, 64);
  launch(Cuda{0, c}, {1, 64}, copy_kernel, y, w, 64);
  cudaStreamCaptureStatus status;
  unsigned long long id_a = 0, id_b = 1;
  EXPECT_EQ(cudaStreamIsCapturing(b, &status), cudaSuccess);
  EXPECT_EQ(status, cudaStreamCaptureStatusActive);
  EXPECT_EQ(cudaStreamGetCaptureInfo(a, &status, &id_a, nullptr, nullptr, nullptr, nullptr), cudaSuccess);
  EXPECT_EQ(cudaStreamGetCaptureInfo(b, &status, &id_b, nullptr, nullptr, nullptr, nullptr), cudaSuccess);
  EXPECT_EQ(id_a, id_b);
  EXPECT_EQ(cudaEventRecord(events[1], b), cudaSuccess);
  EXPECT_EQ(cudaEventRecord(events[2], c), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(a, events[1], 0), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(a, events[2], 0), cudaSuccess);
  launch(Cuda{0, a}, {1, 64}, axpy_kernel, 64, 2, x, y);
  cudaGraph_t graph;
  ASSERT_EQ(cudaStreamEndCapture(a, &graph), cudaSuccess);
  for (auto s : streams) {
    EXPECT_EQ(cudaStreamIsCapturing(s, &status), cudaSuccess);
    EXPECT_EQ(status, cudaStreamCaptureStatusNone);
  }
  size_t nodes = 0;
  EXPECT_EQ(cudaGraphGetNodes(graph, nullptr, &nodes), cudaSuccess);
  EXPECT_EQ(nodes, 5u);
  cudaGraphExec_t executable;
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);  // the executable keeps what it needs
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(cudaGraphLaunch(executable, b), cudaSuccess);  // on any stream
    EXPECT_EQ(cudaStreamSynchronize(b), cudaSuccess);
    EXPECT_THAT(y.host(), Each(7.0f));
    EXPECT_THAT(z.host(), Each(5.0f));
    EXPECT_THAT(w.host(), Each(5.0f));
  }
  EXPECT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
}
// Without the join's order between a branch and what follows, the race detector names both.
TEST_P(EmulatedCapture, BranchesThatRace) {
  if (!detects_races) GTEST_SKIP() << "this build has no race detector";
  DeviceArray<float> x(std::vector<float>(64, 1)), y(std::vector<float>(64, 0)), z(64);
  const auto [a, b, c] = streams;
  begin(a);
  EXPECT_EQ(cudaEventRecord(events[0], a), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(b, events[0], 0), cudaSuccess);
  launch(Cuda{0, b}, {1, 64}, copy_kernel, y, z, 64);
  launch(Cuda{0, a}, {1, 64}, axpy_kernel, 64, 2, x, y);  // should come behind the copy
  EXPECT_EQ(cudaEventRecord(events[1], b), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(a, events[1], 0), cudaSuccess);
  cudaGraph_t graph;
  ASSERT_EQ(cudaStreamEndCapture(a, &graph), cudaSuccess);
  cudaGraphExec_t executable;
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  EXPECT_EQ(cudaGraphLaunch(executable, a), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(a), cudaSuccess);
  EXPECT_TRUE(caught("race between streams", {line_of("bugs.cu", "copy"), "kernels.cu:"}));
  cudaGraphExecDestroy(executable), cudaGraphDestroy(graph);
}
TEST_P(EmulatedCapture, UnjoinedWork) {
  DeviceArray<float> x(std::vector<float>(64, 1)), y(64);
  const auto [a, b, c] = streams;
  begin(a);
  cudaEventRecord(events[0], a), cudaStreamWaitEvent(b, events[0], 0);
  launch(Cuda{0, b}, {1, 64}, copy_kernel, x, y, 64);
  EXPECT_EQ(cudaStreamEndCapture(b, std::array<cudaGraph_t, 1>{}.data()), cudaErrorStreamCaptureUnmatched);
  EXPECT_EQ(end(a), cudaErrorStreamCaptureUnjoined);
}
TEST_P(EmulatedCapture, WorkOutsideIsIsolated) {
  const auto [a, b, c] = streams;
  cudaEventRecord(events[0], b);
  begin(a);
  EXPECT_EQ(cudaStreamWaitEvent(a, events[0], 0), cudaErrorStreamCaptureIsolation);
  EXPECT_EQ(end(a), cudaErrorStreamCaptureInvalidated);
  begin(a), begin(b);
  cudaEventRecord(events[1], a);
  EXPECT_EQ(cudaStreamWaitEvent(b, events[1], 0), cudaErrorStreamCaptureMerge);
  EXPECT_EQ(end(b), cudaSuccess);
  EXPECT_EQ(end(a), cudaSuccess);
}
TEST_P(EmulatedCapture, CallsItForbids) {
  const cudaStream_t a = streams[0];
  cudaEventRecord(events[0], streams[1]);
  void* p = nullptr;
  float host[4];
  DeviceArray<float> x(4);
  const std::function<cudaError_t()> forbidden[] = {
      [&] { return cudaMalloc(&p, 16); },          [&] { return cudaFree(nullptr); },          [&] { return cudaHostAlloc(&p, 16, 0); },
      [&] { return cudaDeviceSynchronize(); },     [&] { return cudaStreamSynchronize(a); },   [&] { return cudaStreamQuery(a); },
      [&] { return cudaEventQuery(events[0]); },   [&] { return cudaEventSynchronize(events[0]); },
      [&] { return cudaMemcpyAsync(host, x, 16, cudaMemcpyDeviceToHost, a); },  // not pinned
      [&] { return cudaMemcpyAsync(x, host, 16, cudaMemcpyHostToDevice, a); },
  };
  for (const auto& call : forbidden) {
    begin(a);
    EXPECT_EQ(call(), cudaErrorStreamCaptureUnsupported);
    EXPECT_EQ(end(a), cudaErrorStreamCaptureInvalidated);
  }
  cudaStream_t blocking;
  cudaStreamCreate(&blocking);
  begin(blocking);
  EXPECT_EQ(cudaMemsetAsync(x, 0, 16, nullptr), cudaErrorStreamCaptureImplicit);
  cudaStreamCaptureStatus status;
  EXPECT_EQ(cudaStreamIsCapturing(nullptr, &status), cudaErrorStreamCaptureImplicit);
  EXPECT_EQ(end(blocking), cudaErrorStreamCaptureInvalidated);
  cudaStreamDestroy(blocking);
}
TEST_P(EmulatedCapture, RelaxedThreadsMayAllocate) {
  const cudaStream_t a = streams[0];
  void* p = nullptr;
  begin(a, cudaStreamCaptureModeRelaxed);
  EXPECT_EQ(cudaMalloc(&p, 16), cudaSuccess);
  EXPECT_EQ(cudaFree(p), cudaSuccess);
  EXPECT_EQ(end(a), cudaSuccess);
  begin(a);
  auto mode = cudaStreamCaptureModeRelaxed;
  EXPECT_EQ(cudaThreadExchangeStreamCaptureMode(&mode), cudaSuccess);
  EXPECT_EQ(mode, cudaStreamCaptureModeGlobal);
  EXPECT_EQ(cudaMalloc(&p, 16), cudaSuccess);
  EXPECT_EQ(cudaFree(p), cudaSuccess);
  EXPECT_EQ(cudaThreadExchangeStreamCaptureMode(&mode), cudaSuccess);
  std::thread([&] { EXPECT_EQ(end(a), cudaErrorStreamCaptureWrongThread); }).join();
  EXPECT_EQ(end(a), cudaSuccess);
  begin(a, cudaStreamCaptureModeThreadLocal);
  std::thread([&] { EXPECT_EQ(cudaMalloc(&p, 16), cudaSuccess); }).join();
  EXPECT_EQ(end(a), cudaSuccess);
  EXPECT_EQ(cudaFree(p), cudaSuccess);
}

}  // namespace
}  // namespace mica::emulator
