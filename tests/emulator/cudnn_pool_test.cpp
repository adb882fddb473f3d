#include "mica/cuda/cudnn_pool.h"
#include "mica/tests/emulator/cudnn_testing.h"
// Pooling through cuDNN's double.
namespace mica::emulator {
namespace {

CudnnPool sizes(DType dtype, CudnnPoolMode mode, int64_t window, int64_t stride, int64_t padding, int64_t n = 2, int64_t c = 3, int64_t h = 7, int64_t w = 6) {
  const auto of = [&](int64_t in) { return (in + 2 * padding - window) / stride + 1; };
  return {dtype, mode, n, c, h, w, of(h), of(w), window, window, stride, stride, padding, padding};
}

// No two are equal, so that a maximum is in one place: multiples of 1/8 in a fixed disorder, exact in 16 bits below 256 of them.
std::vector<double> distinct(int64_t n) {
  std::vector<double> result(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) result[size_t(i)] = double((i * 101) % 257 - 128) / 8;
  return result;
}

struct Operands {
  std::vector<double> x_host, dy_host, y_want, dx_want;
  Values x, dy, y, dx;
  explicit Operands(const CudnnPool& p)
      : x_host(distinct(p.n * p.h * p.w * p.c)),
        dy_host(numbers(p.n * p.out_h * p.out_w * p.c, 3)),
        y_want(dy_host.size(), 0.0),
        dx_want(x_host.size(), 0.0),
        x(p.dtype, x_host),
        dy(p.dtype, dy_host),
        y(p.dtype, int64_t(dy_host.size())),
        dx(p.dtype, int64_t(x_host.size())) {
    for (int64_t n = 0; n < p.n; ++n)
      for (int64_t i = 0; i < p.out_h; ++i)
        for (int64_t j = 0; j < p.out_w; ++j)
          for (int64_t c = 0; c < p.c; ++c) {
            const auto out = size_t(((n * p.out_h + i) * p.out_w + j) * p.c + c);
            std::vector<size_t> inside;
            for (int64_t k = i * p.stride_h - p.padding_h; k < i * p.stride_h - p.padding_h + p.window_h; ++k)
              for (int64_t l = j * p.stride_w - p.padding_w; l < j * p.stride_w - p.padding_w + p.window_w; ++l)
                if (k >= 0 && k < p.h && l >= 0 && l < p.w) inside.push_back(size_t(((n * p.h + k) * p.w + l) * p.c + c));
            if (p.mode == CudnnPoolMode::max) {
              size_t best = inside[0];
              for (const size_t at : inside) best = x_host[at] > x_host[best] ? at : best;
              y_want[out] = x_host[best];
              dx_want[best] += dy_host[out];
            } else {
              const double divisor = p.mode == CudnnPoolMode::average ? double(p.window_h * p.window_w) : double(inside.size());
              for (const size_t at : inside) y_want[out] += x_host[at] / divisor, dx_want[at] += dy_host[out] / divisor;
            }
          }
  }
};

TEST(CudnnPool, AllModesAndTypes) {
  for (const DType dtype : {f64, f32, f16, bf16})
    for (const auto mode : {CudnnPoolMode::max, CudnnPoolMode::average, CudnnPoolMode::average_without_padding})
      for (const auto& p : {sizes(dtype, mode, 2, 2, 0), sizes(dtype, mode, 3, 2, 1), sizes(dtype, mode, 3, 1, 1), sizes(dtype, mode, 1, 1, 0, 1, 1, 1, 1),
                            sizes(dtype, mode, 5, 3, 2)}) {
        const Operands o(p);
        ASSERT_TRUE(cudnn_pool_forward(on, p, o.x.data(), o.y.data()));
        expect_values(o.y.host(), o.y_want, dtype);
        ASSERT_TRUE(cudnn_pool_backward(on, p, o.x.data(), o.y.data(), o.dy.data(), o.dx.data()));
        expect_values(o.dx.host(), o.dx_want, dtype);
      }
}

TEST(CudnnPool, NanWinsAMaximum) {
  const auto p = sizes(f32, CudnnPoolMode::max, 2, 2, 0, 1, 1, 2, 2);
  const Values x(f32, {1, std::nan(""), 3, 2}), y(f32, 1);
  ASSERT_TRUE(cudnn_pool_forward(on, p, x.data(), y.data()));
  EXPECT_TRUE(std::isnan(y.host()[0]));
}

TEST(CudnnPool, WhatIsNotSupportedIsLeftToOthers) {
  auto p = sizes(f32, CudnnPoolMode::max, 2, 2, 0);
  p.out_h = 4;  // with a last window partly outside
  EXPECT_FALSE(cudnn_pool_forward(on, p, nullptr, nullptr));
  p = sizes(f32, CudnnPoolMode::max, 2, 2, 2);
  EXPECT_FALSE(cudnn_pool_forward(on, p, nullptr, nullptr)) << "padding as large as the window";
  p = sizes(f32, CudnnPoolMode::max, 2, 2, 0, 0);
  EXPECT_FALSE(cudnn_pool_backward(on, p, nullptr, nullptr, nullptr, nullptr));
}

TEST(CudnnPool, SecondCallMakesNothingAndEveryCallMayFail) {
  const auto p = sizes(bf16, CudnnPoolMode::max, 3, 2, 1);
  const Operands o(p);
  const auto forward = [&] { return cudnn_pool_forward(on, p, o.x.data(), o.y.data()); };
  const auto backward = [&] { return cudnn_pool_backward(on, p, o.x.data(), o.y.data(), o.dy.data(), o.dx.data()); };
  expect_second_run_is_lean(forward, {"cudnnPoolingForward"});
  expect_second_run_is_lean(backward, {"cudnnPoolingBackward"});
  expect_failures_are_clean(forward, [&] { expect_values(o.y.host(), o.y_want, bf16); });
  expect_failures_are_clean(backward, [&] { expect_values(o.dx.host(), o.dx_want, bf16); });
}

TEST(CudnnPoolDouble, ReportsMisuse) {
  const auto p = sizes(f32, CudnnPoolMode::max, 2, 2, 0);
  const Operands o(p);
  const auto& lib = cudnn();
  cudnnHandle_t handle;
  lib.create(&handle);
  {
    const CudnnTensor x(f32, p.n, p.c, p.h, p.w), y(f32, p.n, p.c, p.out_h, p.out_w), wrong(f32, p.n, p.c, 4, p.out_w), half(f16, p.n, p.c, p.out_h, p.out_w);
    cudnnPoolingDescriptor_t pooling;
    lib.create_pooling(&pooling);
    EXPECT_EQ(lib.set_pooling(pooling, CUDNN_POOLING_MAX, CUDNN_PROPAGATE_NAN, 2, 2, 2, 0, 2, 2), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"does not allow"}));
    lib.set_pooling(pooling, CUDNN_POOLING_MAX, CUDNN_PROPAGATE_NAN, 2, 2, 0, 0, 2, 2);
    const float one = 1, zero = 0;
    const auto run = [&](const CudnnTensor& out) { return lib.pooling_forward(handle, pooling, &one, x.value, o.x.data(), &zero, out.value, o.y.data()); };
    EXPECT_EQ(run(wrong), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"y is 4 x 3"}));
    EXPECT_EQ(run(half), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"differ in type"}));
    EXPECT_EQ(run(y), CUDNN_STATUS_SUCCESS);
    // dy given as y: not what forward has made.
    EXPECT_EQ(lib.pooling_backward(handle, pooling, &one, y.value, o.dy.data(), y.value, o.dy.data(), x.value, o.x.data(), &zero, x.value, o.dx.data()),
              CUDNN_STATUS_SUCCESS);
    cudaDeviceSynchronize();
    EXPECT_TRUE(caught("misused library", {"not the result of forward"}));
    lib.destroy_pooling(pooling);
  }
  lib.destroy(handle);
}

}  // namespace
}  // namespace mica::emulator
