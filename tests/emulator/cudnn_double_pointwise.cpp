#include <cmath>
#include "mica/tests/emulator/cudnn_double_objects.h"
// Activations and softmax.
namespace mica::emulator::dnn {
namespace {

bool known(const Activation& a) {
  return a.mode == CUDNN_ACTIVATION_RELU || a.mode == CUDNN_ACTIVATION_SIGMOID || a.mode == CUDNN_ACTIVATION_TANH || a.mode == CUDNN_ACTIVATION_ELU ||
         a.mode == CUDNN_ACTIVATION_CLIPPED_RELU;
}
double value(const Activation& a, double x) {
  switch (a.mode) {
    case CUDNN_ACTIVATION_SIGMOID: return 1 / (1 + std::exp(-x));
    case CUDNN_ACTIVATION_TANH: return std::tanh(x);
    case CUDNN_ACTIVATION_ELU: return x < 0 ? a.coefficient * std::expm1(x) : x;
    case CUDNN_ACTIVATION_CLIPPED_RELU: return x < 0 ? 0 : x > a.coefficient ? a.coefficient : x;
    default: return x < 0 || (std::isnan(x) && !a.nan) ? 0 : x;
  }
}
double slope(const Activation& a, double x, double y) {
  switch (a.mode) {
    case CUDNN_ACTIVATION_SIGMOID: return y * (1 - y);
    case CUDNN_ACTIVATION_TANH: return 1 - y * y;
    case CUDNN_ACTIVATION_ELU: return x < 0 ? y + a.coefficient : 1;
    case CUDNN_ACTIVATION_CLIPPED_RELU: return x > 0 && x < a.coefficient;
    default: return x > 0;
  }
}

cudnnStatus_t activation_forward(cudnnHandle_t handle, cudnnActivationDescriptor_t activation, const void* alpha, const cudnnTensorDescriptor_t x_desc,
                                 const void* x, const void* beta, const cudnnTensorDescriptor_t y_desc, void* y) {
  const void* const code = __builtin_return_address(0);
  return counted<cudnnStatus_t>("cudnnActivationForward", [&] {
    Check check("cudnnActivationForward");
    const auto context = check.context(handle);
    const auto a = check.activation(activation);
    const auto xt = check.tensor(x_desc, "x"), yt = check.tensor(y_desc, "y");
    check.require(xt.same_sizes(yt) && xt.type == yt.type && xt.format == yt.format, "x and y differ in sizes, type or layout");
    check.supported(known(a));
    const double by = check.scalar(alpha, xt.type), keep = check.scalar(beta, xt.type);
    return check.queue(context, code, {{x, xt.bytes()}, {y, yt.bytes(), true}}, [=] {
      for (int64_t i = 0; i < xt.count(); ++i) blend(y, yt.type, i, by, value(a, element(x, xt.type, i)), keep);
    });
  });
}

cudnnStatus_t activation_backward(cudnnHandle_t handle, cudnnActivationDescriptor_t activation, const void* alpha, const cudnnTensorDescriptor_t y_desc,
                                  const void* y, const cudnnTensorDescriptor_t dy_desc, const void* dy, const cudnnTensorDescriptor_t x_desc, const void* x,
                                  const void* beta, const cudnnTensorDescriptor_t dx_desc, void* dx) {
  const void* const code = __builtin_return_address(0);
  return counted<cudnnStatus_t>("cudnnActivationBackward", [&] {
    Check check("cudnnActivationBackward");
    const auto context = check.context(handle);
    const auto a = check.activation(activation);
    const auto xt = check.tensor(x_desc, "x"), yt = check.tensor(y_desc, "y"), dyt = check.tensor(dy_desc, "dy"), dxt = check.tensor(dx_desc, "dx");
    for (const Tensor& t : {yt, dyt, dxt})
      check.require(t.same_sizes(xt) && t.type == xt.type && t.format == xt.format, "its tensors differ in sizes, type or layout");
    check.supported(known(a));
    const double by = check.scalar(alpha, xt.type), keep = check.scalar(beta, xt.type);
    return check.queue(context, code, {{y, yt.bytes()}, {dy, dyt.bytes()}, {x, xt.bytes()}, {dx, dxt.bytes(), true}}, [=] {
      for (int64_t i = 0; i < xt.count(); ++i) blend(dx, dxt.type, i, by, element(dy, dyt.type, i) * slope(a, element(x, xt.type, i), element(y, yt.type, i)), keep);
    });
  });
}

// visit(the elements' numbers) for each slice that is normalised.
template <class F> void for_slices(const Tensor& t, cudnnSoftmaxMode_t mode, F visit) {
  const int64_t pixels = mode == CUDNN_SOFTMAX_MODE_CHANNEL ? t.n * t.h * t.w : t.n, length = t.count() / pixels;  // channels-last: a slice is dense
  for (int64_t i = 0; i < pixels; ++i) visit(i * length, length);
}

cudnnStatus_t softmax_forward(cudnnHandle_t handle, cudnnSoftmaxAlgorithm_t algorithm, cudnnSoftmaxMode_t mode, const void* alpha,
                              const cudnnTensorDescriptor_t x_desc, const void* x, const void* beta, const cudnnTensorDescriptor_t y_desc, void* y) {
  const void* const code = __builtin_return_address(0);
  return counted<cudnnStatus_t>("cudnnSoftmaxForward", [&] {
    Check check("cudnnSoftmaxForward");
    const auto context = check.context(handle);
    const auto xt = check.tensor(x_desc, "x"), yt = check.tensor(y_desc, "y");
    check.require(xt.same_sizes(yt) && xt.type == yt.type, "x and y differ in sizes or type");
    check.require(xt.channels_last() && yt.channels_last(), "its tensors are not all channels-last");
    const double by = check.scalar(alpha, xt.type), keep = check.scalar(beta, xt.type);
    return check.queue(context, code, {{x, xt.bytes()}, {y, yt.bytes(), true}}, [=] {
      const auto in = elements(x, xt.type, xt.count());
      for_slices(xt, mode, [&](int64_t first, int64_t n) {
        const double most = algorithm == CUDNN_SOFTMAX_FAST ? 0 : *std::max_element(in.begin() + first, in.begin() + first + n);
        double sum = 0;
        for (int64_t i = first; i < first + n; ++i) sum += std::exp(in[size_t(i)] - most);
        for (int64_t i = first; i < first + n; ++i) {
          const double v = in[size_t(i)] - most;
          blend(y, yt.type, i, by, algorithm == CUDNN_SOFTMAX_LOG ? v - std::log(sum) : std::exp(v) / sum, keep);
        }
      });
    });
  });
}

cudnnStatus_t softmax_backward(cudnnHandle_t handle, cudnnSoftmaxAlgorithm_t algorithm, cudnnSoftmaxMode_t mode, const void* alpha,
                               const cudnnTensorDescriptor_t y_desc, const void* y, const cudnnTensorDescriptor_t dy_desc, const void* dy, const void* beta,
                               const cudnnTensorDescriptor_t dx_desc, void* dx) {
  const void* const code = __builtin_return_address(0);
  return counted<cudnnStatus_t>("cudnnSoftmaxBackward", [&] {
    Check check("cudnnSoftmaxBackward");
    const auto context = check.context(handle);
    const auto yt = check.tensor(y_desc, "y"), dyt = check.tensor(dy_desc, "dy"), dxt = check.tensor(dx_desc, "dx");
    for (const Tensor& t : {dyt, dxt}) check.require(t.same_sizes(yt) && t.type == yt.type, "its tensors differ in sizes or type");
    check.require(yt.channels_last() && dyt.channels_last() && dxt.channels_last(), "its tensors are not all channels-last");
    const double by = check.scalar(alpha, yt.type), keep = check.scalar(beta, yt.type);
    return check.queue(context, code, {{y, yt.bytes()}, {dy, dyt.bytes()}, {dx, dxt.bytes(), true}}, [=] {
      const auto out = elements(y, yt.type, yt.count()), gradient = elements(dy, dyt.type, dyt.count());
      const bool log = algorithm == CUDNN_SOFTMAX_LOG;
      for_slices(yt, mode, [&](int64_t first, int64_t n) {
        double sum = 0;
        for (int64_t i = first; i < first + n; ++i) sum += gradient[size_t(i)] * (log ? 1 : out[size_t(i)]);
        for (int64_t i = first; i < first + n; ++i) {
          const double v = out[size_t(i)], g = gradient[size_t(i)];
          blend(dx, dxt.type, i, by, log ? g - std::exp(v) * sum : v * (g - sum), keep);
        }
      });
    });
  });
}
}  // namespace

void fill_pointwise(Cudnn& t) {
  t.activation_forward = activation_forward, t.activation_backward = activation_backward;
  t.softmax_forward = softmax_forward, t.softmax_backward = softmax_backward;
}

}  // namespace mica::emulator::dnn
