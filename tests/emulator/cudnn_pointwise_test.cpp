#include "mica/cuda/cudnn_pointwise.h"
#include "mica/tests/emulator/cudnn_testing.h"
// Activations and softmax through cuDNN's double.
namespace mica::emulator {
namespace {
using Kind = CudnnActivationKind;

double value(Kind kind, double x) {
  return kind == Kind::relu      ? std::max(x, 0.0)
         : kind == Kind::sigmoid ? 1 / (1 + std::exp(-x))
         : kind == Kind::tanh    ? std::tanh(x)
         : x > 0                 ? x
                                 : 0.5 * (std::exp(x) - 1);
}

TEST(CudnnActivations, AllKindsAndTypes) {
  for (const DType dtype : {f64, f32, f16, bf16})
    for (const auto kind : {Kind::relu, Kind::sigmoid, Kind::tanh, Kind::elu}) {
      const int64_t n = 37;
      auto x_host = numbers(n, 1);
      for (auto& v : x_host) v += v == 0 ? 0.25 : 0;  // a difference quotient cannot tell at a kink
      const auto dy_host = numbers(n, 2);
      const Values x(dtype, x_host), dy(dtype, dy_host), y(dtype, n), dx(dtype, n);
      ASSERT_TRUE(cudnn_activation_forward(on, kind, dtype, n, x.data(), y.data(), 0.5));
      auto want = x_host;
      for (auto& v : want) v = value(kind, v);
      expect_values(y.host(), want, dtype);
      ASSERT_TRUE(cudnn_activation_backward(on, kind, dtype, n, x.data(), y.data(), dy.data(), dx.data(), 0.5));
      for (size_t i = 0; i < want.size(); ++i) want[i] = dy_host[i] * (value(kind, x_host[i] + 1e-6) - value(kind, x_host[i] - 1e-6)) / 2e-6;
      expect_values(dx.host(), want, dtype, dtype == bf16 ? 2e-2 : dtype == f16 ? 3e-3 : 1e-6);  // the gradient reads a y that is rounded
    }
}

TEST(CudnnActivations, ReluInPlaceLetsNanPass) {
  const Values x(f32, {-1, 0, 2, std::nan("")});
  ASSERT_TRUE(cudnn_activation_forward(on, Kind::relu, f32, 4, x.data(), x.data()));
  const auto y = x.host();
  EXPECT_EQ(y[0], 0);
  EXPECT_EQ(y[2], 2);
  EXPECT_TRUE(std::isnan(y[3]));
}

TEST(CudnnSoftmax, RowsAndTheirGradients) {
  for (const DType dtype : {f64, f32, f16, bf16})
    for (const bool log : {false, true}) {
      const int64_t rows = 3, columns = 7;
      auto x_host = numbers(rows * columns, 1);
      x_host[0] = 512;  // exp of it is infinite in f32
      const auto dy_host = numbers(rows * columns, 2);
      const Values x(dtype, x_host), dy(dtype, dy_host), y(dtype, rows * columns), dx(dtype, rows * columns);
      std::vector<double> want(x_host.size()), gradient(x_host.size());
      for (int64_t r = 0; r < rows; ++r) {
        const auto at = [&](int64_t c) { return size_t(r * columns + c); };
        double most = x_host[at(0)], sum = 0, dot = 0, total = 0;
        for (int64_t c = 0; c < columns; ++c) most = std::max(most, x_host[at(c)]);
        for (int64_t c = 0; c < columns; ++c) sum += std::exp(x_host[at(c)] - most);
        for (int64_t c = 0; c < columns; ++c) {
          const double p = std::exp(x_host[at(c)] - most) / sum;
          want[at(c)] = log ? x_host[at(c)] - most - std::log(sum) : p;
          dot += p * dy_host[at(c)];
          total += dy_host[at(c)];
        }
        for (int64_t c = 0; c < columns; ++c) {
          const double p = std::exp(x_host[at(c)] - most) / sum;
          gradient[at(c)] = log ? dy_host[at(c)] - p * total : p * (dy_host[at(c)] - dot);
        }
      }
      ASSERT_TRUE(cudnn_softmax_forward(on, dtype, rows, columns, log, x.data(), y.data()));
      expect_values(y.host(), want, dtype);
      ASSERT_TRUE(cudnn_softmax_backward(on, dtype, rows, columns, log, y.data(), dy.data(), dx.data()));
      expect_values(dx.host(), gradient, dtype, dtype == bf16 ? 5e-2 : dtype == f16 ? 6e-3 : 1e-5);  // from a y that is rounded
    }
}

TEST(CudnnPointwise, SecondCallMakesNothingAndEveryCallMayFail) {
  const int64_t n = 12;
  const auto x_host = numbers(n, 1);
  const Values x(f32, x_host), y(f32, n), dx(f32, n);
  const auto relu = [&] { return cudnn_activation_forward(on, Kind::relu, f32, n, x.data(), y.data()); };
  const auto softmax = [&] { return cudnn_softmax_forward(on, f32, 3, 4, true, x.data(), y.data()); };
  expect_second_run_is_lean(relu, {"cudnnActivationForward"});
  expect_second_run_is_lean([&] { return cudnn_activation_backward(on, Kind::relu, f32, n, x.data(), y.data(), x.data(), dx.data()); }, {"cudnnActivationBackward"});
  expect_second_run_is_lean(softmax, {"cudnnSoftmaxForward"});
  expect_second_run_is_lean([&] { return cudnn_softmax_backward(on, f32, 3, 4, true, y.data(), x.data(), dx.data()); }, {"cudnnSoftmaxBackward"});
  expect_failures_are_clean(relu, [&] {
    auto want = x_host;
    for (auto& v : want) v = std::max(v, 0.0);
    expect_values(y.host(), want, f32);
  });
  EXPECT_FALSE(cudnn_activation_forward(on, Kind::relu, f32, 0, nullptr, nullptr));
  EXPECT_FALSE(cudnn_softmax_forward(on, f32, int64_t(1) << 20, 1 << 20, true, nullptr, nullptr)) << "2^40 elements";
}

TEST(CudnnPointwiseDouble, ReportsMisuse) {
  const auto& lib = cudnn();
  const Values x(f32, numbers(8)), y(f32, 8);
  cudnnHandle_t handle;
  lib.create(&handle);
  {
    const CudnnTensor eight(f32, 2, 4, 1, 1), four(f32, 1, 4, 1, 1), half(f16, 2, 4, 1, 1), too_many(f32, 4, 4, 1, 1);
    const CudnnActivation relu(CUDNN_ACTIVATION_RELU);
    const float one = 1, zero = 0;
    const auto run = [&](const CudnnTensor& in, const CudnnTensor& out, const void* alpha) {
      return lib.activation_forward(handle, relu.value, alpha, in.value, x.data(), &zero, out.value, y.data());
    };
    EXPECT_EQ(run(eight, four, &one), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"differ in sizes"}));
    EXPECT_EQ(run(eight, half, &one), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"differ in sizes"}));
    EXPECT_EQ(run(eight, eight, nullptr), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"alpha or beta is null"}));
    EXPECT_EQ(run(too_many, too_many, &one), CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"64 bytes of its operand 0 are not in one device allocation"}));
    EXPECT_EQ(lib.softmax_forward(handle, CUDNN_SOFTMAX_LOG, CUDNN_SOFTMAX_MODE_INSTANCE, &one, eight.value, x.data(), &zero, four.value, y.data()),
              CUDNN_STATUS_BAD_PARAM);
    EXPECT_TRUE(caught("misused library", {"differ in sizes"}));
  }
  lib.destroy(handle);
}

}  // namespace
}  // namespace mica::emulator
