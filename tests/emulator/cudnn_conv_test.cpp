#include "mica/cuda/cudnn_conv.h"
#include <thread>
#include "mica/tests/emulator/cudnn_testing.h"
// Convolution through cuDNN's double: numbers against plain loops, algorithms, plans, failures.
namespace mica::emulator {
namespace {
using testing::HasSubstr;

CudnnConv sizes(DType dtype, int64_t n, int64_t c, int64_t h, int64_t w, int64_t out, int64_t kernel, int64_t stride = 1, int64_t padding = 0,
                int64_t dilation = 1, int64_t groups = 1) {
  const auto of = [&](int64_t in) { return (in + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1; };
  return {dtype, n, c, h, w, out, of(h), of(w), kernel, kernel, stride, stride, padding, padding, dilation, dilation, groups, false};
}
std::vector<CudnnConv> cases(DType dtype) {
  return {sizes(dtype, 2, 3, 5, 6, 4, 3, 1, 1),
          sizes(dtype, 1, 1, 1, 1, 1, 1),
          sizes(dtype, 2, 8, 7, 5, 6, 1),
          sizes(dtype, 1, 4, 9, 8, 5, 3, 2, 1),
          sizes(dtype, 1, 6, 8, 8, 4, 3, 1, 2, 2, 2),
          sizes(dtype, 3, 5, 6, 6, 5, 3, 1, 1, 1, 5)};
}
int64_t count_x(const CudnnConv& c) { return c.n * c.h * c.w * c.c; }
int64_t count_y(const CudnnConv& c) { return c.n * c.out_h * c.out_w * c.out; }
int64_t count_w(const CudnnConv& c) { return c.out * c.kernel_h * c.kernel_w * c.c / c.groups; }

// visit(index in y, in x, in w) for every product of the sum.
template <class F> void for_products(const CudnnConv& c, F visit) {
  const int64_t per = c.c / c.groups, outs = c.out / c.groups;
  for (int64_t n = 0; n < c.n; ++n)
    for (int64_t i = 0; i < c.out_h; ++i)
      for (int64_t j = 0; j < c.out_w; ++j)
        for (int64_t o = 0; o < c.out; ++o)
          for (int64_t k = 0; k < c.kernel_h; ++k)
            for (int64_t l = 0; l < c.kernel_w; ++l)
              for (int64_t q = 0; q < per; ++q) {
                const int64_t h = i * c.stride_h - c.padding_h + k * c.dilation_h, w = j * c.stride_w - c.padding_w + l * c.dilation_w;
                if (h < 0 || h >= c.h || w < 0 || w >= c.w) continue;
                visit(size_t(((n * c.out_h + i) * c.out_w + j) * c.out + o), size_t(((n * c.h + h) * c.w + w) * c.c + o / outs * per + q),
                      size_t(((o * c.kernel_h + k) * c.kernel_w + l) * per + q));
              }
}

struct Operands {
  std::vector<double> x_host, w_host, y_host, bias_host, y_want, dx_want, dw_want;
  Values x, w, dy, bias, y, dx, dw, db;
  explicit Operands(const CudnnConv& c)
      : x_host(numbers(count_x(c), 1)),
        w_host(numbers(count_w(c), 2)),
        y_host(numbers(count_y(c), 3)),
        bias_host(numbers(c.out, 4)),
        y_want(size_t(count_y(c)), 0.0),
        dx_want(x_host.size(), 0.0),
        dw_want(w_host.size(), 0.0),
        x(c.dtype, x_host),
        w(c.dtype, w_host),
        dy(c.dtype, y_host),
        bias(c.dtype, bias_host),
        y(c.dtype, count_y(c)),
        dx(c.dtype, count_x(c)),
        dw(c.dtype, count_w(c)),
        db(c.dtype, c.out) {
    for_products(c, [&](size_t out, size_t in, size_t weight) {
      y_want[out] += x_host[in] * w_host[weight];
      dx_want[in] += y_host[out] * w_host[weight];
      dw_want[weight] += y_host[out] * x_host[in];
    });
  }
};

TEST(CudnnConv, TableIsComplete) {
  Cudnn table = cudnn();
  table.each([](const char* name, auto function) { EXPECT_NE(function, nullptr) << name; });
  EXPECT_TRUE(has_cudnn());
  EXPECT_THAT(cudnn_version(), HasSubstr("9."));
}

TEST(CudnnConv, AllPassesOfAllTypes) {
  for (const DType dtype : {f32, f16, bf16})
    for (const auto& c : cases(dtype)) {
      const Operands o(c);
      ASSERT_TRUE(cudnn_conv_forward(on, c, o.x.data(), o.w.data(), nullptr, o.y.data()));
      expect_values(o.y.host(), o.y_want, dtype);
      ASSERT_TRUE(cudnn_conv_data_gradient(on, c, o.dy.data(), o.w.data(), o.dx.data()));
      expect_values(o.dx.host(), o.dx_want, dtype);
      ASSERT_TRUE(cudnn_conv_weight_gradient(on, c, o.x.data(), o.dy.data(), o.dw.data()));
      expect_values(o.dw.host(), o.dw_want, dtype);
      ASSERT_TRUE(cudnn_conv_bias_gradient(on, c, o.dy.data(), o.db.data()));
      std::vector<double> sums(size_t(c.out), 0.0);
      for (size_t i = 0; i < o.y_host.size(); ++i) sums[i % size_t(c.out)] += o.y_host[i];
      expect_values(o.db.host(), sums, dtype);
    }
}

TEST(CudnnConv, BiasAndReluInEveryAlgorithm) {
  for (const DType dtype : {f32, bf16})
    for (const bool relu : {false, true}) {
      const auto c = sizes(dtype, 2, 3, 5, 6, 4, 3, 1, 1);
      const Operands o(c);
      auto want = o.y_want;
      for (size_t i = 0; i < want.size(); ++i) {
        want[i] += o.bias_host[i % size_t(c.out)];
        if (relu) want[i] = std::max(want[i], 0.0);
      }
      ASSERT_TRUE(cudnn_conv_forward(on, c, o.x.data(), o.w.data(), o.bias.data(), o.y.data(), relu));
      expect_values(o.y.host(), want, dtype);
      for (const auto& a : cudnn_algorithms(on, c, ConvPass::forward))
        if (cudnn_conv_forward(on, c, o.x.data(), o.w.data(), o.bias.data(), o.y.data(), relu, a.name)) expect_values(o.y.host(), want, dtype);
    }
}

TEST(CudnnConv, Tf32OnlyWhereItIsAllowed) {
  auto c = sizes(f32, 1, 1, 1, 1, 1, 1);
  const Values x(f32, std::vector<double>{1 + 0x1p-20}), w(f32, std::vector<double>{1.0}), y(f32, 1);
  for (const auto pass : {ConvPass::forward, ConvPass::data_gradient, ConvPass::weight_gradient})
    for (const auto& a : cudnn_algorithms(on, c, pass)) {
      if (!a.deterministic) continue;
      const bool ran = pass == ConvPass::forward         ? cudnn_conv_forward(on, c, x.data(), w.data(), nullptr, y.data(), false, a.name)
                       : pass == ConvPass::data_gradient ? cudnn_conv_data_gradient(on, c, x.data(), w.data(), y.data(), a.name)
                                                         : cudnn_conv_weight_gradient(on, c, x.data(), w.data(), y.data(), a.name);
      EXPECT_EQ(ran ? y.host()[0] : 1 + 0x1p-20, 1 + 0x1p-20) << a.name;
    }
  c.tf32 = true;
  ASSERT_TRUE(cudnn_conv_forward(on, c, x.data(), w.data(), nullptr, y.data()));
  EXPECT_EQ(y.host()[0], 1);
}

TEST(CudnnConv, AlgorithmsHaveNamesAndAreMeasurable) {
  for (const DType dtype : {f32, bf16}) {
    const auto c = sizes(dtype, 2, 3, 5, 6, 4, 3, 1, 1);
    const Operands o(c);
    int worked = 0, refused = 0, random = 0;
    for (const auto& a : cudnn_algorithms(on, c, ConvPass::forward)) {
      EXPECT_TRUE(a.deterministic);
      EXPECT_GT(a.workspace, 0u);
      if (!cudnn_conv_forward(on, c, o.x.data(), o.w.data(), nullptr, o.y.data(), false, a.name)) ++refused;
      else ++worked, expect_values(o.y.host(), o.y_want, dtype);
    }
    EXPECT_EQ(refused, dtype == f32 ? 0 : 1) << "with tensor cores the double lists one that fails";
    EXPECT_EQ(worked, 2);
    for (const auto& a : cudnn_algorithms(on, c, ConvPass::weight_gradient)) random += !a.deterministic;
    EXPECT_EQ(random, 1);
  }
  const auto c = sizes(bf16, 2, 3, 5, 6, 4, 3, 1, 1);
  const auto list = cudnn_algorithms(on, c, ConvPass::forward);
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].name, "implicit_gemm+tensor_op");
  EXPECT_EQ(list[1].name, "implicit_precomp_gemm+tensor_op");
  EXPECT_EQ(list[2].name, "implicit_precomp_gemm+default");
  const Operands o(c);
  try {
    cudnn_conv_forward(on, c, o.x.data(), o.w.data(), nullptr, o.y.data(), false, "winograd");
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("no algorithm 'winograd'"));
    EXPECT_THAT(e.what(), HasSubstr("implicit_precomp_gemm+tensor_op"));
  }
}

TEST(CudnnConv, EachAlgorithmRunsWithItsOwnMath) {
  const auto c = sizes(bf16, 2, 3, 5, 6, 4, 3, 1, 1);
  const Operands o(c);
  const auto run = [&](const char* name) { return cudnn_conv_data_gradient(on, c, o.dy.data(), o.w.data(), o.dx.data(), name); };
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(run("algo_1+tensor_op")) << "the double refuses it";
    EXPECT_TRUE(run("algo_1+default"));
  }
  expect_values(o.dx.host(), o.dx_want, bf16);
}

TEST(CudnnConv, TheDefaultIsDeterministic) {
  const auto c = sizes(f32, 1, 3, 5, 6, 4, 3, 1, 1);
  const Operands o(c);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(cudnn_conv_weight_gradient(on, c, o.x.data(), o.dy.data(), o.dw.data()));
    expect_values(o.dw.host(), o.dw_want, f32, 0);
  }
  std::vector<std::vector<double>> results;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(cudnn_conv_weight_gradient(on, c, o.x.data(), o.dy.data(), o.dw.data(), "algo_0"));
    results.push_back(o.dw.host());
  }
  EXPECT_NE(results[0], results[1]) << "the double's algo_0 is not deterministic";
}

TEST(CudnnConv, WhatIsNotSupportedIsLeftToOthers) {
  const auto c = sizes(f64, 1, 1, 3, 3, 1, 1);
  const Values x(f64, numbers(9)), w(f64, numbers(1)), y(f64, numbers(9, 7));
  EXPECT_FALSE(cudnn_conv_forward(on, c, x.data(), w.data(), nullptr, y.data()));
  EXPECT_TRUE(cudnn_algorithms(on, c, ConvPass::forward).empty());
  expect_values(y.host(), numbers(9, 7), f64);
  auto large = sizes(bf16, 1 << 15, 64, 64, 64, 8, 3, 1, 1);
  EXPECT_FALSE(cudnn_conv_forward(on, large, nullptr, nullptr, nullptr, nullptr)) << "2^33 elements";
  large.n = 0;
  EXPECT_FALSE(cudnn_conv_forward(on, large, nullptr, nullptr, nullptr, nullptr));
}

TEST(CudnnConv, SecondCallSearchesNothing) {
  const auto c = sizes(f16, 2, 4, 5, 6, 4, 3, 1, 1, 1, 2);
  const Operands o(c);
  expect_second_run_is_lean([&] { return cudnn_conv_forward(on, c, o.x.data(), o.w.data(), nullptr, o.y.data()); }, {"cudnnConvolutionForward"});
  expect_second_run_is_lean([&] { return cudnn_conv_forward(on, c, o.x.data(), o.w.data(), o.bias.data(), o.y.data()); }, {"cudnnConvolutionBiasActivationForward"});
  expect_second_run_is_lean([&] { return cudnn_conv_forward(on, c, o.x.data(), o.w.data(), o.bias.data(), o.y.data(), true); },
                            {"cudnnConvolutionBiasActivationForward"});
  expect_second_run_is_lean([&] { return cudnn_conv_data_gradient(on, c, o.dy.data(), o.w.data(), o.dx.data()); }, {"cudnnConvolutionBackwardData"});
  expect_second_run_is_lean([&] { return cudnn_conv_weight_gradient(on, c, o.x.data(), o.dy.data(), o.dw.data()); }, {"cudnnConvolutionBackwardFilter"});
  expect_second_run_is_lean([&] { return cudnn_conv_bias_gradient(on, c, o.dy.data(), o.db.data()); }, {"cudnnConvolutionBackwardBias"});
}

TEST(CudnnConv, EveryCallMayFail) {
  const auto c = sizes(f16, 2, 4, 5, 6, 4, 3, 1, 1, 1, 2);
  const Operands o(c);
  expect_failures_are_clean([&] { return cudnn_conv_forward(on, c, o.x.data(), o.w.data(), nullptr, o.y.data()); },
                            [&] { expect_values(o.y.host(), o.y_want, f16); });
  expect_failures_are_clean([&] { return cudnn_conv_data_gradient(on, c, o.dy.data(), o.w.data(), o.dx.data()); },
                            [&] { expect_values(o.dx.host(), o.dx_want, f16); });
  expect_failures_are_clean([&] { return cudnn_conv_weight_gradient(on, c, o.x.data(), o.dy.data(), o.dw.data()); },
                            [&] { expect_values(o.dw.host(), o.dw_want, f16); });
}

TEST(CudnnConv, ThreadsShareAHandle) {
  const auto c = sizes(f32, 2, 3, 5, 6, 4, 3, 1, 1);
  const Operands o(c);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      cudaStream_t stream;
      check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
      const Values y(f32, count_y(c));
      check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
      for (int j = 0; j < 10; ++j) EXPECT_TRUE(cudnn_conv_forward({.device = 0, .stream = stream}, c, o.x.data(), o.w.data(), nullptr, y.data()));
      check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
      expect_values(y.host(), o.y_want, f32);
      check(cudaStreamDestroy(stream), "cudaStreamDestroy");
    });
  for (auto& t : threads) t.join();
}

// A capture queues nothing and allocates nothing new; its replays compute what has been put where the operands lie.
TEST(CudnnConv, CanBeCaptured) {
  const auto c = sizes(bf16, 2, 3, 5, 6, 4, 3, 1, 1);
  const Operands o(c);
  cudaStream_t stream;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  const Cuda captured{.device = 0, .stream = stream};
  ASSERT_TRUE(cudnn_conv_bias_gradient(captured, c, o.dy.data(), o.db.data()));  // plans are made before
  check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  cudaGraph_t graph;
  cudaGraphExec_t replay;
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
  ASSERT_TRUE(cudnn_conv_bias_gradient(captured, c, o.dy.data(), o.db.data()));
  check(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
  check(cudaGraphInstantiate(&replay, graph, 0), "cudaGraphInstantiate");
  check(cudaMemset(o.dy.data(), 0, size_t(count_y(c)) * 2), "cudaMemset");
  check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  check(cudaGraphLaunch(replay, stream), "cudaGraphLaunch");
  check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  expect_values(o.db.host(), std::vector<double>(size_t(c.out), 0.0), bf16);
  check(cudaGraphExecDestroy(replay), "cudaGraphExecDestroy");
  check(cudaGraphDestroy(graph), "cudaGraphDestroy");
  check(cudaStreamDestroy(stream), "cudaStreamDestroy");
}

TEST(CudnnConv, PlansAreBounded) {
  clear_cudnn_plans();
  const size_t before = library_objects();
  for (int64_t n = 1; n <= 600; ++n) cudnn_algorithms(on, sizes(f32, n, 1, 1, 1, 1, 1), ConvPass::forward);
  EXPECT_EQ(library_objects() - before, 512u * 7);
  clear_cudnn_plans();
  EXPECT_EQ(library_objects(), before);
}

TEST(CudnnConv, ErrorsNameTheSizes) {
  const auto c = sizes(f32, 2, 3, 5, 6, 4, 3, 1, 1);
  const Operands o(c);
  fail_call("cudnnConvolutionForward", 1, cudaError_t(CUDNN_STATUS_EXECUTION_FAILED));
  clear_cudnn_plans();
  try {
    cudnn_conv_forward(on, c, o.x.data(), o.w.data(), nullptr, o.y.data());
    FAIL();
  } catch (const CudaError& e) {
    EXPECT_STREQ(e.what(),
                 "cudnnConvolutionForward failed: CUDNN_STATUS_EXECUTION_FAILED, for a convolution in f32, x [2, 3, 5, 6], weight [4, 3, 3, 3], stride [1, 1], "
                 "padding [1, 1], dilation [1, 1], "
                 "groups 1");
  }
}

TEST(CudnnConv, WorkIsQueuedOnItsStream) {
  cudaStream_t stream;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  const auto c = sizes(f32, 2, 3, 5, 6, 4, 3, 1, 1);
  const Operands o(c);
  ASSERT_TRUE(cudnn_conv_forward({.device = 0, .stream = stream}, c, o.x.data(), o.w.data(), nullptr, o.y.data()));
  EXPECT_TRUE(std::isnan(o.y.host()[0])) << "nobody has waited for that stream";
  check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  expect_values(o.y.host(), o.y_want, f32);
  EXPECT_TRUE(!detects_races || caught("race between streams", {"cudnnConvolutionForward called at"})) << "the first look was too early";
  ASSERT_TRUE(cudnn_conv_forward(on, c, o.x.data(), o.w.data(), nullptr, o.y.data()));
  check(cudaStreamDestroy(stream), "cudaStreamDestroy");
}

TEST(CudnnConvDouble, ReportsMisuse) {
  const auto& lib = cudnn();
  const auto c = sizes(f32, 2, 3, 5, 6, 4, 3, 1, 1);
  const Operands o(c);
  cudnnHandle_t handle;
  lib.create(&handle);
  {
    const CudnnTensor x(f32, 2, 3, 5, 6), y(f32, 2, 4, 5, 6), wrong(f32, 2, 4, 5, 7), half(f16, 2, 4, 5, 6), bias(f32, 1, 4, 1, 1);
    const CudnnFilter w(f32, 4, 3, 3, 3);
    const CudnnActivation identity(CUDNN_ACTIVATION_IDENTITY), tanh(CUDNN_ACTIVATION_TANH);
    cudnnConvolutionDescriptor_t conv;
    lib.create_convolution(&conv);
    const DeviceArray<char> space(4096);
    const float one = 1, zero = 0;
    const auto run = [&](cudnnTensorDescriptor_t out, const void* in, void* work, size_t bytes,
                         cudnnConvolutionFwdAlgo_t algo = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM) {
      return lib.convolution_forward(handle, &one, x.value, in, w.value, o.w.data(), conv, algo, work, bytes, &zero, out, o.y.data());
    };
    EXPECT_EQ(run(y.value, o.x.data(), space, 4096), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"convolution was never set"}));
    EXPECT_EQ(lib.set_convolution(conv, 1, 1, 0, 1, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"does not allow"}));
    lib.set_convolution(conv, 1, 1, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT);
    lib.set_convolution_math(conv, CUDNN_FMA_MATH);
    EXPECT_EQ(run(y.value, o.x.data(), nullptr, 0), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"a workspace of 0 bytes"}));
    EXPECT_EQ(run(wrong.value, o.x.data(), space, 4096), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"y is 5 x 7"}));
    EXPECT_EQ(run(half.value, o.x.data(), space, 4096), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"different types"}));
    EXPECT_EQ(run(x.value, o.x.data(), space, 4096), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"do not fit"}));
    EXPECT_EQ(run(y.value, &one, space, 4096), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"host memory"}));
    EXPECT_EQ(run(y.value, o.x.data(), space, 4096, CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD), CUDNN_STATUS_NOT_SUPPORTED);
    lib.set_convolution_math(conv, CUDNN_TENSOR_OP_MATH);
    EXPECT_EQ(run(y.value, o.x.data(), space, 4096, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM), CUDNN_STATUS_NOT_SUPPORTED);
    lib.set_convolution_math(conv, CUDNN_FMA_MATH);
    const auto fused = [&](const CudnnActivation& a, cudnnConvolutionFwdAlgo_t algo, cudnnTensorDescriptor_t b) {
      return lib.convolution_bias_activation(handle, &one, x.value, o.x.data(), w.value, o.w.data(), conv, algo, space, 4096, &zero, y.value, o.y.data(), b,
                                             o.bias.data(), a.value, y.value, o.y.data());
    };
    EXPECT_EQ(fused(identity, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, bias.value), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"only IMPLICIT_PRECOMP_GEMM"}));
    EXPECT_EQ(fused(tanh, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, bias.value), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"neither relu nor the identity"}));
    EXPECT_EQ(fused(identity, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, y.value), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"bias is not 1 x channels"}));
    EXPECT_EQ(run(y.value, o.x.data(), space, 4096), CUDNN_STATUS_SUCCESS);
    cudaDeviceSynchronize();
    for (const char byte : space.host()) ASSERT_EQ(byte, char(0xff)) << "the workspace is filled with NaN";
    lib.destroy_convolution(conv);
    EXPECT_EQ(lib.destroy_convolution(conv), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"destroyed, or never created"}));
    // Queued, and then an operand is freed: the work finds it gone.
    lib.create_convolution(&conv);
    lib.set_convolution(conv, 1, 1, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT);
    {
      void* early = nullptr;
      check(cudaMallocAsync(&early, size_t(count_x(c)) * 4, nullptr), "cudaMallocAsync");
      check(cudaFreeAsync(early, nullptr), "cudaFreeAsync");
      EXPECT_EQ(run(y.value, early, space, 4096), CUDNN_STATUS_SUCCESS);
      cudaDeviceSynchronize();
      EXPECT_TRUE(caught("use after free", {"cudnnConvolutionForward called at"}));
    }
    lib.destroy_convolution(conv);
  }
  lib.destroy(handle);
  EXPECT_EQ(lib.set_stream(handle, nullptr), CUDNN_STATUS_BAD_PARAM);
  EXPECT_TRUE(caught("misused library", {"cudnnSetStream"}));
}

}  // namespace
}  // namespace mica::emulator
