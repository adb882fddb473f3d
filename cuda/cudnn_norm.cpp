#include "mica/cuda/cudnn_norm.h"
#include "mica/cuda/cudnn_call.h"
#include "mica/cuda/workspace.h"

namespace mica {
namespace {
// The mode that is fast channels-last.
constexpr auto training_mode = CUDNN_BATCHNORM_SPATIAL_PERSISTENT;

struct Plan {
  CudnnTensor x, params;
  CudnnActivation relu{CUDNN_ACTIVATION_RELU};
  bool asked = false, supported = false;
  size_t forward = 0, backward = 0, reserve = 0;  // bytes
  explicit Plan(const CudnnNorm& l) : x(l.dtype, l.n, l.c, l.h, l.w), params(l.dtype == f64 ? f64 : f32, 1, l.c, 1, 1) {}
};

cudnnBatchNormOps_t ops_of(const CudnnNorm& l) {
  return l.add ? CUDNN_BATCHNORM_OPS_BN_ADD_ACTIVATION : l.relu ? CUDNN_BATCHNORM_OPS_BN_ACTIVATION : CUDNN_BATCHNORM_OPS_BN;
}

std::string text(const CudnnNorm& l) {
  return std::string("batch norm in ") + name_of(l.dtype) + ", x [" + std::to_string(l.n) + ", " + std::to_string(l.c) + ", " + std::to_string(l.h) + ", " +
         std::to_string(l.w) + "]" + (l.add ? " with add" : "") + (l.relu ? " with relu" : "");
}

bool fits(const CudnnNorm& l) {
  if (!cudnn_addresses({l.n, l.c, l.h, l.w}) || (l.add && !l.relu)) return false;
  return !l.relu || (l.dtype == f16 && l.c % 4 == 0);
}

Plan& plan_of(const Cuda& on, const CudnnNorm& l) {
  static auto& plans = *new CudnnPlans<8, Plan>;
  return plans.get({on.device, int64_t(l.dtype), l.n, l.c, l.h, l.w, l.relu, l.add}, [&] { return std::make_unique<Plan>(l); });
}

// The sizes of the workspaces and the reserve, asked once; false where cuDNN has no training of this layer.
bool ask(cudnnHandle_t handle, Plan& p, const CudnnNorm& l) {
  if (p.asked) return p.supported;
  const CudnnWhat what = [&] { return text(l); };
  const auto x = p.x.value, params = p.params.value;
  const auto relu = l.relu ? p.relu.value : nullptr;
  const auto add = l.add ? x : nullptr;
  const auto ops = ops_of(l);
  p.supported = cudnn_done(cudnn().norm_forward_workspace(handle, training_mode, ops, x, add, x, params, relu, &p.forward),
                           "cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize", what) &&
                cudnn_done(cudnn().norm_backward_workspace(handle, training_mode, ops, x, x, x, add, x, params, relu, &p.backward),
                           "cudnnGetBatchNormalizationBackwardExWorkspaceSize", what) &&
                cudnn_done(cudnn().norm_reserve(handle, training_mode, ops, relu, x, &p.reserve), "cudnnGetBatchNormalizationTrainingExReserveSpaceSize", what);
  p.asked = true;
  return p.supported;
}
}  // namespace

int64_t cudnn_norm_reserve(const Cuda& on, const CudnnNorm& norm) {
  if (!fits(norm)) return -1;
  const CudnnCall call(on);
  Plan& p = plan_of(on, norm);
  return ask(call.handle, p, norm) ? int64_t(p.reserve) : -1;
}

bool cudnn_norm_forward(const Cuda& on, const CudnnNorm& norm, const CudnnNormForward& a) {
  if (!fits(norm)) return false;
  const CudnnCall call(on);
  Plan& p = plan_of(on, norm);
  if (!ask(call.handle, p, norm)) return false;
  const CudnnScale s(norm.dtype);
  const Workspace space(on, p.forward);
  return cudnn_done(cudnn().norm_forward(call.handle, training_mode, ops_of(norm), s.one(), s.zero(), p.x.value, a.x, norm.add ? p.x.value : nullptr, a.add,
                                         p.x.value, a.y, p.params.value, a.weight, a.bias, a.momentum, a.running_mean, a.running_var, norm.eps, a.mean,
                                         a.inverse_std, norm.relu ? p.relu.value : nullptr, space.data(), space.bytes(), a.reserve, p.reserve),
                    "cudnnBatchNormalizationForwardTrainingEx", [&] { return text(norm); });
}

bool cudnn_norm_inference(const Cuda& on, const CudnnNorm& norm, const void* x, const void* weight, const void* bias, const void* mean, const void* var, void* y) {
  if (!fits(norm) || norm.relu) return false;
  const CudnnCall call(on);
  const CudnnScale s(norm.dtype);
  Plan& p = plan_of(on, norm);
  return cudnn_done(cudnn().norm_inference(call.handle, CUDNN_BATCHNORM_SPATIAL, s.one(), s.zero(), p.x.value, x, p.x.value, y, p.params.value, weight, bias,
                                           mean, var, norm.eps),
                    "cudnnBatchNormalizationForwardInference", [&] { return text(norm); });
}

bool cudnn_norm_backward(const Cuda& on, const CudnnNorm& norm, const CudnnNormBackward& a) {
  if (!fits(norm)) return false;
  const CudnnCall call(on);
  Plan& p = plan_of(on, norm);
  if (!ask(call.handle, p, norm)) return false;
  const CudnnScale s(norm.dtype);
  const Workspace space(on, p.backward);
  const auto x = p.x.value;
  return cudnn_done(cudnn().norm_backward(call.handle, training_mode, ops_of(norm), s.one(), s.zero(), s.one(), s.zero(), x, a.x, norm.relu ? x : nullptr,
                                          norm.relu ? a.y : nullptr, x, a.dy, norm.add ? x : nullptr, a.dadd, x, a.dx, p.params.value, a.weight,
                                          norm.relu ? a.bias : nullptr, a.dweight, a.dbias, norm.eps, a.mean, a.inverse_std, norm.relu ? p.relu.value : nullptr,
                                          space.data(), space.bytes(), a.reserve, p.reserve),
                    "cudnnBatchNormalizationBackwardEx", [&] { return text(norm); });
}

}  // namespace mica
