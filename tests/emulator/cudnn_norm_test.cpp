#include "mica/cuda/cudnn_norm.h"
#include "mica/tests/emulator/cudnn_testing.h"
// Batch normalization through cuDNN's double.
namespace mica::emulator {
namespace {

std::vector<double> plus(std::vector<double> values, double v) {
  for (auto& x : values) x += v;
  return values;
}
std::vector<double> filled(int64_t n, double v) { return std::vector<double>(static_cast<size_t>(n), v); }

struct Operands {
  CudnnNorm l;
  DType t;  // of the parameters
  int64_t n, count;
  std::vector<double> x_host, add_host, dy_host, weight_host, bias_host;
  Values x, add, dy, weight, bias, y, running_mean, running_var, mean, inverse, dx, dadd, dweight, dbias;
  DeviceArray<char> reserve;
  std::vector<double> y_want, mean_want, inverse_want, running_mean_want, running_var_want, dx_want, dadd_want, dweight_want, dbias_want;

  explicit Operands(const CudnnNorm& norm)
      : l(norm),
        t(l.dtype == f64 ? f64 : f32),
        n(l.n * l.h * l.w),
        count(n * l.c),
        x_host(numbers(count, 1)),
        add_host(numbers(count, 2)),
        dy_host(numbers(count, 3)),
        weight_host(plus(numbers(l.c, 4), 3)),
        bias_host(numbers(l.c, 5)),
        x(l.dtype, x_host),
        add(l.dtype, add_host),
        dy(l.dtype, dy_host),
        weight(t, weight_host),
        bias(t, bias_host),
        y(l.dtype, count),
        running_mean(t, filled(l.c, 1)),
        running_var(t, filled(l.c, 2)),
        mean(t, l.c),
        inverse(t, l.c),
        dx(l.dtype, count),
        dadd(l.dtype, count),
        dweight(t, l.c),
        dbias(t, l.c),
        reserve(size_t(cudnn_norm_reserve(on, l))) {
    y_want = dx_want = dadd_want = x_host;
    for (int64_t c = 0; c < l.c; ++c) {
      const auto at = [&](int64_t i) { return size_t(i * l.c + c); };
      double m = 0, v = 0, sum = 0, dot = 0;
      for (int64_t i = 0; i < n; ++i) m += x_host[at(i)] / double(n);
      for (int64_t i = 0; i < n; ++i) v += (x_host[at(i)] - m) * (x_host[at(i)] - m) / double(n);
      const double s = 1 / std::sqrt(v + l.eps);
      for (int64_t i = 0; i < n; ++i) {
        double u = (x_host[at(i)] - m) * s * weight_host[size_t(c)] + bias_host[size_t(c)] + (l.add ? add_host[at(i)] : 0);
        const double g = l.relu && u <= 0 ? 0 : dy_host[at(i)];
        y_want[at(i)] = l.relu ? std::max(u, 0.0) : u;
        dadd_want[at(i)] = g;
        sum += g;
        dot += g * (x_host[at(i)] - m) * s;
      }
      for (int64_t i = 0; i < n; ++i) dx_want[at(i)] = weight_host[size_t(c)] * s * (dadd_want[at(i)] - sum / double(n) - (x_host[at(i)] - m) * s * dot / double(n));
      mean_want.push_back(m);
      inverse_want.push_back(s);
      running_mean_want.push_back(0.75 + 0.25 * m);
      running_var_want.push_back(1.5 + 0.25 * v * double(n) / double(n - 1));
      dweight_want.push_back(dot);
      dbias_want.push_back(sum);
    }
  }
  bool forward() const {
    return cudnn_norm_forward(on, l,
                              {x.data(), l.add ? add.data() : nullptr, weight.data(), bias.data(), y.data(), running_mean.data(), running_var.data(),
                               mean.data(), inverse.data(), reserve, 0.25});
  }
  bool backward() const {
    return cudnn_norm_backward(on, l,
                               {x.data(), y.data(), dy.data(), weight.data(), bias.data(), mean.data(), inverse.data(), reserve, dx.data(),
                                l.add ? dadd.data() : nullptr, dweight.data(), dbias.data()});
  }
};

CudnnNorm layer(DType dtype, bool relu = false, bool add = false) { return {dtype, 3, 4, 5, 2, 1e-3, relu, add}; }

TEST(CudnnNorm, TrainingAndItsGradients) {
  for (const auto& l : {layer(f64), layer(f32), layer(f16), layer(bf16), layer(f16, true), layer(f16, true, true)}) {
    const Operands o(l);
    ASSERT_TRUE(o.forward());
    const double sums = l.dtype == f64 ? 1e-12 : 1e-5;
    expect_values(o.y.host(), o.y_want, l.dtype);
    expect_values(o.mean.host(), o.mean_want, o.t);
    expect_values(o.inverse.host(), o.inverse_want, o.t);
    expect_values(o.running_mean.host(), o.running_mean_want, o.t);
    expect_values(o.running_var.host(), o.running_var_want, o.t);
    ASSERT_TRUE(o.backward());
    expect_values(o.dx.host(), o.dx_want, l.dtype, sums);  // from saved statistics, which are rounded
    expect_values(o.dweight.host(), o.dweight_want, o.t, sums);
    expect_values(o.dbias.host(), o.dbias_want, o.t, sums);
    if (l.add) expect_values(o.dadd.host(), o.dadd_want, l.dtype);
  }
}

TEST(CudnnNorm, WithoutRunningStatistics) {
  const Operands o(layer(f32));
  ASSERT_TRUE(cudnn_norm_forward(
      on, o.l, {o.x.data(), nullptr, o.weight.data(), o.bias.data(), o.y.data(), nullptr, nullptr, o.mean.data(), o.inverse.data(), o.reserve}));
  expect_values(o.y.host(), o.y_want, f32);
  expect_values(o.running_mean.host(), filled(4, 1), f32);
}

TEST(CudnnNorm, Inference) {
  for (const DType dtype : {f64, f32, f16, bf16}) {
    const Operands o(layer(dtype));
    ASSERT_TRUE(cudnn_norm_inference(on, o.l, o.x.data(), o.weight.data(), o.bias.data(), o.running_mean.data(), o.running_var.data(), o.y.data()));
    auto want = o.x_host;
    for (size_t i = 0; i < want.size(); ++i) want[i] = (want[i] - 1) / std::sqrt(2 + o.l.eps) * o.weight_host[i % 4] + o.bias_host[i % 4];
    expect_values(o.y.host(), want, dtype);
  }
}

TEST(CudnnNorm, WhatIsNotFusedIsLeftToOthers) {
  EXPECT_EQ(cudnn_norm_reserve(on, layer(f32, true)), -1);
  EXPECT_EQ(cudnn_norm_reserve(on, layer(bf16, true, true)), -1);
  auto l = layer(f16, true);
  EXPECT_GT(cudnn_norm_reserve(on, l), 0);
  l.c = 6;
  EXPECT_EQ(cudnn_norm_reserve(on, l), -1) << "channels that are no multiple of 4";
  EXPECT_FALSE(cudnn_norm_forward(on, l, {}));
  EXPECT_FALSE(cudnn_norm_backward(on, l, {}));
  EXPECT_FALSE(cudnn_norm_inference(on, layer(f16, true), nullptr, nullptr, nullptr, nullptr, nullptr, nullptr));
  EXPECT_EQ(cudnn_norm_reserve(on, layer(f16, false, true)), -1) << "add without relu";
}

TEST(CudnnNorm, SecondCallAsksNothingAndEveryCallMayFail) {
  const Operands o(layer(f16, true, true));
  expect_second_run_is_lean([&] { return o.forward(); }, {"cudnnBatchNormalizationForwardTrainingEx"});
  expect_second_run_is_lean([&] { return o.backward(); }, {"cudnnBatchNormalizationBackwardEx"});
  expect_failures_are_clean([&] { return o.forward(); }, [&] { expect_values(o.y.host(), o.y_want, f16); });
  expect_failures_are_clean([&] { return o.backward(); }, [&] { expect_values(o.dx.host(), o.dx_want, f16, 1e-5); });
}

TEST(CudnnNormDouble, ReportsMisuse) {
  const Operands o(layer(f32));
  const auto& lib = cudnn();
  cudnnHandle_t handle;
  lib.create(&handle);
  {
    const CudnnTensor x(f32, 3, 4, 5, 2), params(f32, 1, 4, 1, 1), wide(f32, 1, 8, 1, 1), half(f16, 1, 4, 1, 1), other(f32, 3, 4, 2, 5);
    const float one = 1, zero = 0;
    const DeviceArray<char> space(4096);
    const auto run = [&](const CudnnTensor& p, const CudnnTensor& y, void* saved, size_t space_bytes, size_t reserve_bytes) {
      return lib.norm_forward(handle, CUDNN_BATCHNORM_SPATIAL_PERSISTENT, CUDNN_BATCHNORM_OPS_BN, &one, &zero, x.value, o.x.data(), nullptr, nullptr, y.value,
                              o.y.data(), p.value, o.weight.data(), o.bias.data(), 0.1, nullptr, nullptr, 1e-5, saved, o.inverse.data(), nullptr, space,
                              space_bytes, o.reserve, reserve_bytes);
    };
    const size_t reserve = size_t(cudnn_norm_reserve(on, o.l));
    EXPECT_EQ(run(params, x, o.mean.data(), 4096, reserve), CUDNN_STATUS_SUCCESS);
    EXPECT_EQ(run(params, x, o.mean.data(), 0, reserve), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"a workspace of 0 bytes"}));
    EXPECT_EQ(run(params, x, o.mean.data(), 4096, 3), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"a reserve space of 3 bytes"}));
    EXPECT_EQ(run(wide, x, o.mean.data(), 4096, reserve), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"not 1 x channels"}));
    EXPECT_EQ(run(half, x, o.mean.data(), 4096, reserve), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"neither double"}));
    EXPECT_EQ(run(params, other, o.mean.data(), 4096, reserve), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"y does not have the sizes"}));
    EXPECT_EQ(run(params, x, nullptr, 4096, reserve), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"of a pair of results one is null"}));
    check(cudaMemset(o.reserve, 0, reserve), "cudaMemset");
    EXPECT_TRUE(o.backward());
    cudaDeviceSynchronize();
    EXPECT_TRUE(caught("misused library", {"not what forward has written"}));
  }
  lib.destroy(handle);
}

}  // namespace
}  // namespace mica::emulator
