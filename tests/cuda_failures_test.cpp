#include "mica/core/config.h"
#if MICA_EMULATED
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>
#include "mica/mica.h"
#include "mica/tests/emulator/runtime.h"
#include "op_case.h"
// The n-th call of the CUDA runtime or of its libraries fails, for every n of a training step: there is an error that says what, nothing leaks, and
// training goes on afterwards.
using namespace mica;
using namespace mica::testing;

namespace {
struct Net {
  Conv2d conv{2, 8, 3, {.padding = 1}};
  BatchNorm2d norm{8};
  Linear last{8, 3};
  bool training = true;
  Tensor operator()(const Tensor& x) const { return last(dropout(global_avg_pool2d(max_pool2d(relu(norm(conv(x))))), {.p = 0.1})); }
  void fields(Fields& f) { f.child("conv", conv); f.child("norm", norm); f.child("last", last); f.training(training); }
};

void check_every_call(Choices choices, cudaError_t error, bool in_stream) {
  set_choices(choices);
  if (std::getenv("MICA_CUDA_CACHE")) GTEST_SKIP() << "MICA_CUDA_CACHE is set";
  Net net;
  to(net, cuda(), bf16);
  Sgd sgd(parameters(net), {.momentum = 0.9});
  const Tensor host = cast(normal({3, 2, 6, 6}), f32), host_labels = ids({3}, 3);
  auto step = [&] {
    std::optional<Stream> stream;
    std::optional<OnStream> on;
    if (in_stream) { stream.emplace(); on.emplace(*stream); }
    const Tensor loss = cross_entropy(net(to(host, cuda())), to(host_labels, cuda()));
    loss.backward();
    clip_grad_norm(parameters(net), 1);
    sgd.step(0.01);
    const double value = loss.item();
    sgd.zero_grad();
    return value;
  };
  step();
  step();
  sgd.zero_grad();
  synchronize();
  empty_cache(cuda());
  const int64_t in_use = memory_stats(cuda()).in_use, held = memory_stats(cuda()).held;
  int failed = 0, n = 1;
  for (;; ++n) {
    emulator::reset_calls();
    emulator::fail_call("", n, error);
    bool threw = false;
    try { step(); }
    catch (const Error& e) {
      threw = true;
      EXPECT_GT(std::string(e.what()).size(), 10u);
    }
    const bool reached = emulator::calls("") >= n;
    emulator::reset_calls();
    sgd.zero_grad();
    synchronize();
    ASSERT_EQ(memory_stats(cuda()).in_use, in_use) << "after call " << n << " has failed";
    failed += threw;
    if (!reached) { EXPECT_FALSE(threw); break; }
    ASSERT_LT(n, 5000);
  }
  empty_cache(cuda());
  EXPECT_EQ(memory_stats(cuda()).held, held) << "a block is lost";
  EXPECT_GT(n, 50) << "a step makes calls";
  EXPECT_GT(failed, n * 9 / 10) << "of " << n;  // the rest are calls whose failure a destructor passes over, or that are tried again
  EXPECT_TRUE(std::isfinite(step()));
  set_choices(Choices::fixed);
}
}  // namespace

// A block that another stream has freed is lost to nobody where waiting for that stream fails.
TEST(CudaFailures, WaitingForTheStreamOfAFreeBlock) {
  if (std::getenv("MICA_CUDA_CACHE")) GTEST_SKIP() << "MICA_CUDA_CACHE is set";
  synchronize();
  empty_cache(cuda());
  const int64_t held = memory_stats(cuda()).held;
  Stream stream;
  { OnStream on(stream); zeros({5 << 20}, {f32, cuda()}); }
  emulator::reset_calls();
  emulator::fail_call("cudaStreamWaitEvent", 1, cudaErrorInvalidValue);
  EXPECT_THROW(zeros({5 << 20}, {f32, cuda()}), Error);
  emulator::reset_calls();
  const int64_t calls = memory_stats(cuda()).system_calls;
  zeros({5 << 20}, {f32, cuda()});
  EXPECT_EQ(memory_stats(cuda()).system_calls, calls) << "the block is there";
  empty_cache(cuda());
  EXPECT_EQ(memory_stats(cuda()).held, held);
}

TEST(CudaFailures, AStreamThatTheProgramCaptures) {
  const Stream stream;
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamBeginCapture(stream.handle(), cudaStreamCaptureModeRelaxed), cudaSuccess);
  EXPECT_THAT(error_of([&] { OnStream on(stream); }), ::testing::HasSubstr("the program captures this stream"));
  EXPECT_EQ(current_stream(), nullptr);
  ASSERT_EQ(cudaStreamEndCapture(stream.handle(), &graph), cudaSuccess);
  cudaGraphDestroy(graph);
  const OnStream on(stream);
  EXPECT_EQ(ones({3}, {f32, cuda()}).to_vector<float>(), std::vector<float>(3, 1));
}

// Streams, events and graphs that a recording makes, and what it has begun when a call fails.
TEST(CudaFailures, EveryCallOfARecordedStep) {
  if (std::getenv("MICA_CUDA_CACHE")) GTEST_SKIP() << "MICA_CUDA_CACHE is set";
  const Tensor x = ones({3}, {f32, cuda()});
  const auto run = [&] {
    Captured step([](const std::vector<Tensor>& in, double) { return std::vector{dropout(in[0] * 2, {.p = 0.0}) + 1}; }, {.warm_up = 1});
    for (int i = 0; i < 3; ++i) step({x});
    return step({x})[0].to_vector<float>();
  };
  const std::vector<float> expected(3, 3.0f);
  EXPECT_EQ(run(), expected);
  synchronize();
  empty_cache(cuda());
  const int64_t in_use = memory_stats(cuda()).in_use, held = memory_stats(cuda()).held;
  int failed = 0, n = 1;
  for (bool reached = true; reached; ++n) {
    ASSERT_LT(n, 1000);
    emulator::reset_calls();
    emulator::fail_call("", n, cudaErrorInvalidValue);
    bool threw = false;
    try { EXPECT_EQ(run(), expected); }
    catch (const Error&) { threw = true; }
    reached = emulator::calls("") >= n;
    EXPECT_TRUE(reached || !threw);
    failed += threw;
    emulator::reset_calls();
    synchronize();
    ASSERT_EQ(memory_stats(cuda()).in_use, in_use) << "after call " << n << " has failed";
    ASSERT_EQ(run(), expected) << "after call " << n << " has failed";
  }
  empty_cache(cuda());
  EXPECT_EQ(memory_stats(cuda()).held, held) << "a block is lost";
  EXPECT_GT(n, 20) << "recording makes calls";
  EXPECT_GT(failed, n / 2) << "of " << n;
}

TEST(CudaFailures, EveryCallOfAStepByOwnKernels) { check_every_call(Choices::mica, cudaErrorLaunchFailure, false); }
TEST(CudaFailures, EveryCallOfAStepByLibraries) { check_every_call(Choices::libraries, cudaErrorInvalidValue, false); }
TEST(CudaFailures, EveryCallInAStreamOfItsOwn) { check_every_call(Choices::fixed, cudaErrorMemoryAllocation, true); }
#endif
