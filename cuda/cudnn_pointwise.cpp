#include "mica/cuda/cudnn_pointwise.h"
#include <bit>
#include "mica/cuda/cudnn_call.h"

namespace mica {
namespace {
struct ActivationPlan {
  CudnnTensor x;
  CudnnActivation activation;
};
struct SoftmaxPlan {
  CudnnTensor x;
};

std::string text(const char* what, DType dtype, int64_t rows, int64_t columns) {
  return std::string(what) + " over " + std::to_string(rows) + " x " + std::to_string(columns) + " elements of " + name_of(dtype);
}

ActivationPlan& plan_of(const Cuda& on, CudnnActivationKind kind, DType dtype, int64_t count, double alpha) {
  static auto& plans = *new CudnnPlans<5, ActivationPlan>;
  return plans.get({on.device, int64_t(kind), int64_t(dtype), count, std::bit_cast<int64_t>(alpha)}, [&] {
    constexpr cudnnActivationMode_t modes[] = {CUDNN_ACTIVATION_RELU, CUDNN_ACTIVATION_SIGMOID, CUDNN_ACTIVATION_TANH, CUDNN_ACTIVATION_ELU};
    return std::unique_ptr<ActivationPlan>(new ActivationPlan{CudnnTensor(dtype, 1, count, 1, 1), CudnnActivation(modes[int(kind)], alpha)});
  });
}
SoftmaxPlan& plan_of(const Cuda& on, DType dtype, int64_t rows, int64_t columns) {
  static auto& plans = *new CudnnPlans<4, SoftmaxPlan>;
  return plans.get({on.device, int64_t(dtype), rows, columns},
                   [&] { return std::unique_ptr<SoftmaxPlan>(new SoftmaxPlan{CudnnTensor(dtype, rows, columns, 1, 1)}); });
}
}  // namespace

bool cudnn_activation_forward(const Cuda& on, CudnnActivationKind kind, DType dtype, int64_t count, const void* x, void* y, double alpha) {
  if (!cudnn_addresses({count})) return false;
  const CudnnCall call(on);
  const CudnnScale s(dtype);
  auto& p = plan_of(on, kind, dtype, count, alpha);
  return cudnn_done(cudnn().activation_forward(call.handle, p.activation.value, s.one(), p.x.value, x, s.zero(), p.x.value, y), "cudnnActivationForward",
                    [&] { return text("an activation", dtype, 1, count); });
}
bool cudnn_activation_backward(const Cuda& on, CudnnActivationKind kind, DType dtype, int64_t count, const void* x, const void* y, const void* dy, void* dx,
                               double alpha) {
  if (!cudnn_addresses({count})) return false;
  const CudnnCall call(on);
  const CudnnScale s(dtype);
  auto& p = plan_of(on, kind, dtype, count, alpha);
  return cudnn_done(cudnn().activation_backward(call.handle, p.activation.value, s.one(), p.x.value, y, p.x.value, dy, p.x.value, x, s.zero(), p.x.value, dx),
                    "cudnnActivationBackward", [&] { return text("an activation's gradient", dtype, 1, count); });
}

bool cudnn_softmax_forward(const Cuda& on, DType dtype, int64_t rows, int64_t columns, bool log, const void* x, void* y) {
  if (!cudnn_addresses({rows, columns})) return false;
  const CudnnCall call(on);
  const CudnnScale s(dtype);
  const auto tensor = plan_of(on, dtype, rows, columns).x.value;
  return cudnn_done(cudnn().softmax_forward(call.handle, log ? CUDNN_SOFTMAX_LOG : CUDNN_SOFTMAX_ACCURATE, CUDNN_SOFTMAX_MODE_INSTANCE, s.one(), tensor, x,
                                            s.zero(), tensor, y),
                    "cudnnSoftmaxForward", [&] { return text("softmax", dtype, rows, columns); });
}
bool cudnn_softmax_backward(const Cuda& on, DType dtype, int64_t rows, int64_t columns, bool log, const void* y, const void* dy, void* dx) {
  if (!cudnn_addresses({rows, columns})) return false;
  const CudnnCall call(on);
  const CudnnScale s(dtype);
  const auto tensor = plan_of(on, dtype, rows, columns).x.value;
  return cudnn_done(cudnn().softmax_backward(call.handle, log ? CUDNN_SOFTMAX_LOG : CUDNN_SOFTMAX_ACCURATE, CUDNN_SOFTMAX_MODE_INSTANCE, s.one(), tensor, y,
                                             tensor, dy, s.zero(), tensor, dx),
                    "cudnnSoftmaxBackward", [&] { return text("softmax's gradient", dtype, rows, columns); });
}

}  // namespace mica
