#include "mica/cuda/cudnn_conv.h"
#include <optional>
#include "mica/core/error.h"
#include "mica/cuda/cudnn_call.h"
#include "mica/cuda/workspace.h"

namespace mica {
namespace {
const char* const forward_names[] = {"implicit_gemm", "implicit_precomp_gemm", "gemm", "direct", "fft", "fft_tiling", "winograd", "winograd_nonfused"};
const char* const data_names[] = {"algo_0", "algo_1", "fft", "fft_tiling", "winograd", "winograd_nonfused"};
const char* const workspace_functions[] = {"cudnnGetConvolutionForwardWorkspaceSize", "cudnnGetConvolutionBackwardDataWorkspaceSize",
                                           "cudnnGetConvolutionBackwardFilterWorkspaceSize"};
const char* const weight_names[] = {"algo_0", "algo_1", "fft", "algo_3", "winograd", "winograd_nonfused", "fft_tiling"};

std::string name_of(ConvPass pass, int algorithm, int math) {
  const std::string base = pass == ConvPass::forward ? forward_names[algorithm] : pass == ConvPass::data_gradient ? data_names[algorithm] : weight_names[algorithm];
  return base + (math == CUDNN_TENSOR_OP_MATH                    ? "+tensor_op"
                 : math == CUDNN_DEFAULT_MATH                    ? "+default"
                 : math == CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION ? "+conversion"
                                                                 : "");
}

struct Convolution : CudnnDescriptor<cudnnConvolutionDescriptor_t> {
  Convolution() : CudnnDescriptor(cudnn().create_convolution, cudnn().destroy_convolution, "cudnnCreateConvolutionDescriptor") {}
};

struct Plan {
  CudnnTensor x, y, bias;
  CudnnFilter w;
  Convolution conv;
  CudnnActivation identity{CUDNN_ACTIVATION_IDENTITY}, relu{CUDNN_ACTIVATION_RELU};
  int math = -1;  // what conv is set to
  std::optional<std::vector<CudnnAlgorithm>> algorithms[3];  // by pass
  std::string chosen[3];                                     // for the default

  explicit Plan(const CudnnConv& c)
      : x(c.dtype, c.n, c.c, c.h, c.w),
        y(c.dtype, c.n, c.out, c.out_h, c.out_w),
        bias(c.dtype, 1, c.out, 1, 1),
        w(c.dtype, c.out, c.c / c.groups, c.kernel_h, c.kernel_w) {}
};

std::string text(const CudnnConv& c) {
  const auto list = [](std::initializer_list<int64_t> sizes) {
    std::string result = "[";
    for (const auto v : sizes) result += (result.size() > 1 ? ", " : "") + std::to_string(v);
    return result + "]";
  };
  return std::string("a convolution in ") + name_of(c.dtype) + ", x " + list({c.n, c.c, c.h, c.w}) + ", weight " +
         list({c.out, c.c / c.groups, c.kernel_h, c.kernel_w}) + ", stride " + list({c.stride_h, c.stride_w}) + ", padding " +
         list({c.padding_h, c.padding_w}) + ", dilation " + list({c.dilation_h, c.dilation_w}) + ", groups " + std::to_string(c.groups);
}

bool fits(const CudnnConv& c) {
  return c.dtype != f64 && c.groups >= 1 && cudnn_addresses({c.n, c.c, c.h, c.w}) && cudnn_addresses({c.n, c.out, c.out_h, c.out_w}) &&
         cudnn_addresses({c.out, c.c / c.groups, c.kernel_h, c.kernel_w});
}

// DEFAULT_MATH may use TF32 for f32, FMA_MATH does not.
cudnnMathType_t wanted_math(const CudnnConv& c) { return c.dtype != f32 ? CUDNN_TENSOR_OP_MATH : c.tf32 ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH; }
void use_math(Plan& plan, int math, const CudnnConv& c) {
  if (plan.math == math) return;
  plan.math = -1;
  cudnn_check(cudnn().set_convolution_math(plan.conv.value, cudnnMathType_t(math)), "cudnnSetConvolutionMathType", [&] { return text(c); });
  plan.math = math;
}

Plan& plan_of(const Cuda& on, const CudnnConv& c) {
  static auto& plans = *new CudnnPlans<19, Plan>;
  return plans.get({on.device, int64_t(c.dtype), c.n, c.c, c.h, c.w, c.out, c.out_h, c.out_w, c.kernel_h, c.kernel_w, c.stride_h, c.stride_w, c.padding_h,
                    c.padding_w, c.dilation_h, c.dilation_w, c.groups, c.tf32},
                   [&] {
                     auto plan = std::make_unique<Plan>(c);
                     const CudnnWhat what = [&] { return text(c); };
                     cudnn_check(cudnn().set_convolution(plan->conv.value, int(c.padding_h), int(c.padding_w), int(c.stride_h), int(c.stride_w),
                                                         int(c.dilation_h), int(c.dilation_w), CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
                                 "cudnnSetConvolution2dDescriptor", what);
                     if (c.groups > 1) cudnn_check(cudnn().set_convolution_groups(plan->conv.value, int(c.groups)), "cudnnSetConvolutionGroupCount", what);
                     return plan;
                   });
}

// Asks cuDNN for the algorithms of one pass; Perf is the library's type for it.
template <class Perf, class Search, class Size>
std::vector<CudnnAlgorithm> search(Plan& plan, const CudnnConv& c, ConvPass pass, const char* function, Search ask, Size workspace) {
  const CudnnWhat what = [&] { return text(c); };
  use_math(plan, wanted_math(c), c);
  Perf results[32];
  int count = 0;
  std::vector<CudnnAlgorithm> found;
  if (!cudnn_done(ask(32, &count, results), function, what)) return found;
  for (int i = 0; i < count; ++i) {
    const auto& r = results[i];
    if (r.status != CUDNN_STATUS_SUCCESS || (c.dtype == f32 && r.mathType == CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION)) continue;  // which may round to f16
    const int math = c.dtype == f32 && !c.tf32 ? int(CUDNN_FMA_MATH) : int(r.mathType);  // what is listed beside it may use TF32
    const auto name = name_of(pass, r.algo, math);
    if (std::any_of(found.begin(), found.end(), [&](const auto& a) { return a.name == name; })) continue;
    use_math(plan, math, c);
    size_t bytes = 0;
    if (!cudnn_done(workspace(r.algo, &bytes), workspace_functions[int(pass)], what)) continue;
    found.push_back({name, int(r.algo), math, r.determinism == CUDNN_DETERMINISTIC, bytes});
  }
  return found;
}

const std::vector<CudnnAlgorithm>& algorithms_of(cudnnHandle_t handle, Plan& plan, const CudnnConv& c, ConvPass pass) {
  auto& known = plan.algorithms[int(pass)];
  if (known) return *known;
  const auto& lib = cudnn();
  const auto x = plan.x.value, y = plan.y.value;
  const auto w = plan.w.value;
  const auto conv = plan.conv.value;
  if (pass == ConvPass::forward)
    known = search<cudnnConvolutionFwdAlgoPerf_t>(plan, c, pass, "cudnnGetConvolutionForwardAlgorithm_v7", [&](int most, int* count, auto* results) {
      return lib.forward_algorithms(handle, x, w, conv, y, most, count, results);
    }, [&](auto algo, size_t* bytes) { return lib.forward_workspace(handle, x, w, conv, y, algo, bytes); });
  else if (pass == ConvPass::data_gradient)
    known = search<cudnnConvolutionBwdDataAlgoPerf_t>(plan, c, pass, "cudnnGetConvolutionBackwardDataAlgorithm_v7", [&](int most, int* count, auto* results) {
      return lib.data_algorithms(handle, w, y, conv, x, most, count, results);
    }, [&](auto algo, size_t* bytes) { return lib.data_workspace(handle, w, y, conv, x, algo, bytes); });
  else
    known = search<cudnnConvolutionBwdFilterAlgoPerf_t>(plan, c, pass, "cudnnGetConvolutionBackwardFilterAlgorithm_v7", [&](int most, int* count, auto* results) {
      return lib.filter_algorithms(handle, x, y, conv, w, most, count, results);
    }, [&](auto algo, size_t* bytes) { return lib.filter_workspace(handle, x, y, conv, w, algo, bytes); });
  return *known;
}

// Calls run(plan, handle, algorithm, workspace), which is false where that algorithm is not supported, with the algorithm of that name, or with deterministic
// ones until one works.
template <class Run> bool run_pass(const Cuda& on, const CudnnConv& c, ConvPass pass, const std::string& wanted, Run run) {
  if (!fits(c)) return false;
  const CudnnCall call(on);
  Plan& plan = plan_of(on, c);
  const auto& algorithms = algorithms_of(call.handle, plan, c, pass);
  const auto attempt = [&](const CudnnAlgorithm& a) {
    use_math(plan, a.math, c);
    const Workspace workspace(on, a.workspace);
    return run(plan, call.handle, a, workspace);
  };
  auto& chosen = plan.chosen[int(pass)];
  const std::string& name = wanted.empty() ? chosen : wanted;
  if (!name.empty()) {
    for (const auto& a : algorithms)
      if (a.name == name) return attempt(a);
    std::string all;
    for (const auto& a : algorithms) all += " " + a.name;
    throw Error("cuDNN has no algorithm '" + name + "' for " + text(c) + "; it offers:" + (all.empty() ? " none" : all));
  }
  for (const auto& a : algorithms)
    if (a.deterministic && attempt(a)) {
      chosen = a.name;
      return true;
    }
  return false;
}
}  // namespace

std::vector<CudnnAlgorithm> cudnn_algorithms(const Cuda& on, const CudnnConv& conv, ConvPass pass) {
  if (!fits(conv)) return {};
  const CudnnCall call(on);
  return algorithms_of(call.handle, plan_of(on, conv), conv, pass);
}

bool cudnn_conv_forward(const Cuda& on, const CudnnConv& c, const void* x, const void* w, const void* bias, void* y, bool relu, const std::string& algorithm) {
  const CudnnWhat what = [&] { return text(c); };
  const CudnnScale s(c.dtype);
  if (relu && !bias) throw Error("cudnn_conv_forward: relu needs a bias");
  return run_pass(on, c, ConvPass::forward, algorithm, [&](Plan& p, cudnnHandle_t handle, const CudnnAlgorithm& a, const Workspace& space) {
    const auto algo = cudnnConvolutionFwdAlgo_t(a.algorithm);
    // cuDNN adds a bias without an activation in this algorithm only.
    if (bias && (relu || algo == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM))
      return cudnn_done(cudnn().convolution_bias_activation(handle, s.one(), p.x.value, x, p.w.value, w, p.conv.value, algo, space.data(), space.bytes(),
                                                            s.zero(), p.y.value, y, p.bias.value, bias, (relu ? p.relu : p.identity).value, p.y.value, y),
                        "cudnnConvolutionBiasActivationForward", what);
    if (!cudnn_done(
            cudnn().convolution_forward(handle, s.one(), p.x.value, x, p.w.value, w, p.conv.value, algo, space.data(), space.bytes(), s.zero(), p.y.value, y),
            "cudnnConvolutionForward", what))
      return false;
    if (bias) cudnn_check(cudnn().add_tensor(handle, s.one(), p.bias.value, bias, s.one(), p.y.value, y), "cudnnAddTensor", what);
    return true;
  });
}

bool cudnn_conv_data_gradient(const Cuda& on, const CudnnConv& c, const void* dy, const void* w, void* dx, const std::string& algorithm) {
  const CudnnScale s(c.dtype);
  return run_pass(on, c, ConvPass::data_gradient, algorithm, [&](Plan& p, cudnnHandle_t handle, const CudnnAlgorithm& a, const Workspace& space) {
    return cudnn_done(cudnn().convolution_backward_data(handle, s.one(), p.w.value, w, p.y.value, dy, p.conv.value, cudnnConvolutionBwdDataAlgo_t(a.algorithm),
                                                        space.data(), space.bytes(), s.zero(), p.x.value, dx),
                      "cudnnConvolutionBackwardData", [&] { return text(c); });
  });
}

bool cudnn_conv_weight_gradient(const Cuda& on, const CudnnConv& c, const void* x, const void* dy, void* dw, const std::string& algorithm) {
  const CudnnScale s(c.dtype);
  return run_pass(on, c, ConvPass::weight_gradient, algorithm, [&](Plan& p, cudnnHandle_t handle, const CudnnAlgorithm& a, const Workspace& space) {
    return cudnn_done(cudnn().convolution_backward_filter(handle, s.one(), p.x.value, x, p.y.value, dy, p.conv.value,
                                                          cudnnConvolutionBwdFilterAlgo_t(a.algorithm), space.data(), space.bytes(), s.zero(), p.w.value, dw),
                      "cudnnConvolutionBackwardFilter", [&] { return text(c); });
  });
}

bool cudnn_conv_bias_gradient(const Cuda& on, const CudnnConv& c, const void* dy, void* db) {
  if (!fits(c)) return false;
  const CudnnCall call(on);
  const CudnnScale s(c.dtype);
  Plan& p = plan_of(on, c);
  return cudnn_done(cudnn().convolution_backward_bias(call.handle, s.one(), p.y.value, dy, s.zero(), p.bias.value, db), "cudnnConvolutionBackwardBias",
                    [&] { return text(c); });
}

}  // namespace mica
