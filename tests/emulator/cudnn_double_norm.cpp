#include <cmath>
#include <cstring>
#include "mica/tests/emulator/cudnn_double_objects.h"
// Batch normalization, with an addition and relu where the library has them: half, channels-last, channels a multiple of 4, the persistent mode.
namespace mica::emulator::dnn {
namespace {
constexpr uint64_t stamp = 0x6d69636172657376;  // at the start of a reserve that forward has written; then one byte for each element that relu kept

size_t reserve_bytes(const Tensor& x) { return sizeof stamp + size_t(x.count()); }
size_t workspace_bytes(const Tensor& x) { return 64 + size_t(x.c) * 16; }

// What all the calls of one layer agree on.
struct Layer {
  cudnnBatchNormMode_t mode;
  cudnnBatchNormOps_t ops;
  Tensor x, params;
  bool adds() const { return ops == CUDNN_BATCHNORM_OPS_BN_ADD_ACTIVATION; }
  bool fused() const { return ops != CUDNN_BATCHNORM_OPS_BN; }
  size_t param_bytes() const { return params.bytes(); }
};

void check_layer(Check& check, const Layer& l, cudnnActivationDescriptor_t activation) {
  if (!check.ok()) return;
  check.require(l.params.n == 1 && l.params.c == l.x.c && l.params.h == 1 && l.params.w == 1, "the parameters are not 1 x channels x 1 x 1");
  check.require(l.params.type == (l.x.type == f64 ? f64 : f32), "the parameters are neither double beside double nor float");
  check.require(l.x.channels_last(), "x is not channels-last");
  check.supported(l.mode == CUDNN_BATCHNORM_SPATIAL || l.mode == CUDNN_BATCHNORM_SPATIAL_PERSISTENT);
  check.supported(l.x.count() < int64_t(1) << 31);
  if (!l.fused()) return;
  check.supported(l.mode == CUDNN_BATCHNORM_SPATIAL_PERSISTENT && l.x.type == f16 && l.x.c % 4 == 0 && l.x.format == CUDNN_TENSOR_NHWC);
  const auto a = check.activation(activation);
  if (check.ok()) check.require(a.mode == CUDNN_ACTIVATION_RELU, "its activation is not relu");
}
void same(Check& check, const Tensor& t, const Tensor& x, const char* name) {
  check.require(t.same_sizes(x) && t.type == x.type && t.channels_last(), std::string(name) + " does not have the sizes, type and layout of x");
}

cudnnStatus_t sizes(const char* function, cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops, cudnnTensorDescriptor_t x,
                    const cudnnTensorDescriptor_t* params, cudnnActivationDescriptor_t activation, size_t* bytes, size_t (*size)(const Tensor&)) {
  return counted<cudnnStatus_t>(function, [&] {
    Check check(function);
    check.context(handle);
    Layer l{mode, ops, check.tensor(x, "x"), {}};
    l.params = params ? check.tensor(*params, "parameters") : Tensor{true, l.x.type == f64 ? f64 : f32, CUDNN_TENSOR_NHWC, 1, l.x.c, 1, 1};
    check_layer(check, l, activation);
    *bytes = check.ok() ? size(l.x) : 0;
    return check.status;
  });
}
cudnnStatus_t forward_workspace(cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops, const cudnnTensorDescriptor_t x,
                                const cudnnTensorDescriptor_t, const cudnnTensorDescriptor_t, const cudnnTensorDescriptor_t params,
                                const cudnnActivationDescriptor_t activation, size_t* bytes) {
  return sizes("cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize", handle, mode, ops, x, &params, activation, bytes, workspace_bytes);
}
cudnnStatus_t backward_workspace(cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops, const cudnnTensorDescriptor_t x,
                                 const cudnnTensorDescriptor_t, const cudnnTensorDescriptor_t, const cudnnTensorDescriptor_t, const cudnnTensorDescriptor_t,
                                 const cudnnTensorDescriptor_t params, const cudnnActivationDescriptor_t activation, size_t* bytes) {
  return sizes("cudnnGetBatchNormalizationBackwardExWorkspaceSize", handle, mode, ops, x, &params, activation, bytes, workspace_bytes);
}
cudnnStatus_t reserve_space(cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops, const cudnnActivationDescriptor_t activation,
                            const cudnnTensorDescriptor_t x, size_t* bytes) {
  return sizes("cudnnGetBatchNormalizationTrainingExReserveSpaceSize", handle, mode, ops, x, nullptr, activation, bytes, reserve_bytes);
}

cudnnStatus_t forward(cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops, const void* alpha, const void* beta,
                      const cudnnTensorDescriptor_t x_desc, const void* x, const cudnnTensorDescriptor_t z_desc, const void* z,
                      const cudnnTensorDescriptor_t y_desc, void* y, const cudnnTensorDescriptor_t param_desc, const void* scale, const void* bias,
                      double factor, void* running_mean, void* running_variance, double epsilon, void* saved_mean, void* saved_inverse,
                      cudnnActivationDescriptor_t activation, void* workspace, size_t workspace_size, void* reserve, size_t reserve_size) {
  const void* const code = __builtin_return_address(0);
  return counted<cudnnStatus_t>("cudnnBatchNormalizationForwardTrainingEx", [&] {
    Check check("cudnnBatchNormalizationForwardTrainingEx");
    const auto context = check.context(handle);
    const Layer l{mode, ops, check.tensor(x_desc, "x"), check.tensor(param_desc, "parameters")};
    const auto yt = check.tensor(y_desc, "y");
    check_layer(check, l, activation);
    same(check, yt, l.x, "y");
    if (l.adds()) same(check, check.tensor(z_desc, "z"), l.x, "z");
    check.require(epsilon >= CUDNN_BN_MIN_EPSILON, "epsilon is negative");
    check.require(!running_mean == !running_variance && !saved_mean == !saved_inverse, "of a pair of results one is null");
    check.require(reserve && reserve_size >= reserve_bytes(l.x),
                  "a reserve space of " + std::to_string(reserve ? reserve_size : 0) + " bytes, where it needs " + std::to_string(reserve_bytes(l.x)));
    const double by = check.scalar(alpha, l.x.type), keep = check.scalar(beta, l.x.type);
    const size_t each = l.param_bytes();
    const auto given = [&](void* p) { return Span{p, p ? each : 0, true}; };
    return check.queue(
        context, code,
        {{x, l.x.bytes()},
         {z, l.adds() ? l.x.bytes() : 0},
         {y, yt.bytes(), true},
         {scale, each},
         {bias, each},
         given(running_mean),
         given(running_variance),
         given(saved_mean),
         given(saved_inverse),
         {reserve, reserve_bytes(l.x), true}},
        [=] {
          const int64_t c = l.x.c, n = l.x.count() / c;
          const DType t = l.params.type;
          std::memcpy(reserve, &stamp, sizeof stamp);
          auto* const kept = static_cast<unsigned char*>(reserve) + sizeof stamp;
          for (int64_t k = 0; k < c; ++k) {
            double mean = 0, variance = 0;
            for (int64_t i = 0; i < n; ++i) mean += element(x, l.x.type, i * c + k) / double(n);
            for (int64_t i = 0; i < n; ++i) variance += std::pow(element(x, l.x.type, i * c + k) - mean, 2) / double(n);
            const double inverse = 1 / std::sqrt(variance + epsilon);
            for (int64_t i = 0; i < n; ++i) {
              double v = (element(x, l.x.type, i * c + k) - mean) * inverse * element(scale, t, k) + element(bias, t, k);
              if (l.adds()) v += element(z, l.x.type, i * c + k);
              kept[i * c + k] = !(v < 0) && v != 0;
              blend(y, yt.type, i * c + k, by, l.fused() && v < 0 ? 0 : v, keep);
            }
            if (running_mean) set_element(running_mean, t, k, factor * mean + (1 - factor) * element(running_mean, t, k));
            if (running_mean)
              set_element(running_variance, t, k, factor * variance * double(n) / double(n - 1) + (1 - factor) * element(running_variance, t, k));
            if (saved_mean) set_element(saved_mean, t, k, mean), set_element(saved_inverse, t, k, inverse);
          }
        },
        workspace, workspace_size, workspace_bytes(l.x));
  });
}

cudnnStatus_t inference(cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void* alpha, const void* beta, const cudnnTensorDescriptor_t x_desc,
                        const void* x, const cudnnTensorDescriptor_t y_desc, void* y, const cudnnTensorDescriptor_t param_desc, const void* scale,
                        const void* bias, const void* mean, const void* variance, double epsilon) {
  const void* const code = __builtin_return_address(0);
  return counted<cudnnStatus_t>("cudnnBatchNormalizationForwardInference", [&] {
    Check check("cudnnBatchNormalizationForwardInference");
    const auto context = check.context(handle);
    const Layer l{mode, CUDNN_BATCHNORM_OPS_BN, check.tensor(x_desc, "x"), check.tensor(param_desc, "parameters")};
    const auto yt = check.tensor(y_desc, "y");
    check_layer(check, l, nullptr);
    same(check, yt, l.x, "y");
    check.require(epsilon >= CUDNN_BN_MIN_EPSILON, "epsilon is negative");
    const double by = check.scalar(alpha, l.x.type), keep = check.scalar(beta, l.x.type);
    const size_t each = l.param_bytes();
    return check.queue(context, code, {{x, l.x.bytes()}, {y, yt.bytes(), true}, {scale, each}, {bias, each}, {mean, each}, {variance, each}}, [=] {
      const DType t = l.params.type;
      for (int64_t i = 0; i < l.x.count(); ++i) {
        const int64_t k = i % l.x.c;
        blend(y, yt.type, i, by,
              (element(x, l.x.type, i) - element(mean, t, k)) / std::sqrt(element(variance, t, k) + epsilon) * element(scale, t, k) + element(bias, t, k),
              keep);
      }
    });
  });
}

cudnnStatus_t backward(cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops, const void* alpha, const void* beta, const void* param_alpha,
                       const void* param_beta, const cudnnTensorDescriptor_t x_desc, const void* x, const cudnnTensorDescriptor_t y_desc, const void* y,
                       const cudnnTensorDescriptor_t dy_desc, const void* dy, const cudnnTensorDescriptor_t dz_desc, void* dz,
                       const cudnnTensorDescriptor_t dx_desc, void* dx, const cudnnTensorDescriptor_t param_desc, const void* scale, const void* bias,
                       void* dscale, void* dbias, double epsilon, const void* saved_mean, const void* saved_inverse, cudnnActivationDescriptor_t activation,
                       void* workspace, size_t workspace_size, void* reserve, size_t reserve_size) {
  const void* const code = __builtin_return_address(0);
  return counted<cudnnStatus_t>("cudnnBatchNormalizationBackwardEx", [&] {
    Check check("cudnnBatchNormalizationBackwardEx");
    const auto context = check.context(handle);
    const Layer l{mode, ops, check.tensor(x_desc, "x"), check.tensor(param_desc, "parameters")};
    check_layer(check, l, activation);
    same(check, check.tensor(dy_desc, "dy"), l.x, "dy");
    same(check, check.tensor(dx_desc, "dx"), l.x, "dx");
    if (l.fused()) same(check, check.tensor(y_desc, "y"), l.x, "y");
    if (l.adds()) same(check, check.tensor(dz_desc, "dz"), l.x, "dz");
    check.require(epsilon >= CUDNN_BN_MIN_EPSILON, "epsilon is negative");
    check.require(saved_mean && saved_inverse, "the double wants what forward saved");
    check.require(reserve && reserve_size >= reserve_bytes(l.x),
                  "a reserve space of " + std::to_string(reserve ? reserve_size : 0) + " bytes, where it needs " + std::to_string(reserve_bytes(l.x)));
    const double by = check.scalar(alpha, l.x.type), keep = check.scalar(beta, l.x.type), param_by = check.scalar(param_alpha, l.x.type),
                 param_keep = check.scalar(param_beta, l.x.type);
    const size_t each = l.param_bytes(), all = l.x.bytes();
    return check.queue(
        context, code,
        {{x, all},
         {y, l.fused() ? all : 0},
         {dy, all},
         {dz, l.adds() ? all : 0, true},
         {dx, all, true},
         {scale, each},
         {bias, l.fused() ? each : 0},
         {dscale, each, true},
         {dbias, each, true},
         {saved_mean, each},
         {saved_inverse, each},
         {reserve, reserve_bytes(l.x)}},
        [=] {
          const int64_t c = l.x.c, n = l.x.count() / c;
          const DType t = l.params.type;
          if (std::memcmp(reserve, &stamp, sizeof stamp) != 0)
            return misuse("cudnnBatchNormalizationBackwardEx", "the reserve space is not what forward has written");
          const auto* const kept = static_cast<const unsigned char*>(reserve) + sizeof stamp;
          std::vector<double> g(static_cast<size_t>(n)), xhat(static_cast<size_t>(n));
          for (int64_t k = 0; k < c; ++k) {
            const double mean = element(saved_mean, t, k), inverse = element(saved_inverse, t, k);
            double sum = 0, dot = 0;
            for (int64_t i = 0; i < n; ++i) {
              g[size_t(i)] = l.fused() && !kept[i * c + k] ? 0 : element(dy, l.x.type, i * c + k);
              xhat[size_t(i)] = (element(x, l.x.type, i * c + k) - mean) * inverse;
              sum += g[size_t(i)];
              dot += g[size_t(i)] * xhat[size_t(i)];
            }
            const double factor = element(scale, t, k) * inverse;
            for (int64_t i = 0; i < n; ++i) {
              if (l.adds()) set_element(dz, l.x.type, i * c + k, g[size_t(i)]);
              blend(dx, l.x.type, i * c + k, by, factor * (g[size_t(i)] - (sum + xhat[size_t(i)] * dot) / double(n)), keep);
            }
            blend(dscale, t, k, param_by, dot, param_keep);
            blend(dbias, t, k, param_by, sum, param_keep);
          }
        },
        workspace, workspace_size, workspace_bytes(l.x));
  });
}
}  // namespace

void fill_norm(Cudnn& t) {
  t.norm_forward_workspace = forward_workspace, t.norm_backward_workspace = backward_workspace, t.norm_reserve = reserve_space;
  t.norm_forward = forward, t.norm_inference = inference, t.norm_backward = backward;
}

}  // namespace mica::emulator::dnn
