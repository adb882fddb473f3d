#include <cmath>
#include "mica/tests/emulator/cudnn_double_conv.h"
// Convolution: https://docs.nvidia.com/deeplearning/cudnn/backend/latest/api/cudnn-cnn-library.html
namespace mica::emulator::dnn {
namespace {

// Of an algorithm with a math type: whether channels-last data takes it, and what it needs.
size_t needs(const Problem& p, int algo) { return 256 * size_t(algo + 1) + size_t(p.y.n) * 16; }
bool for_channels_last(int algo) { return algo == 0 || algo == 1; }  // IMPLICIT_GEMM and IMPLICIT_PRECOMP_GEMM; ALGO_0 and ALGO_1

// Listed, and still refused: forward IMPLICIT_GEMM and for data gradients ALGO_1, both with tensor cores, and ALGO_0 for data gradients.
bool runs_forward(const Problem& p, int algo) {
  return for_channels_last(algo) && (algo != CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM || p.conv.math != CUDNN_TENSOR_OP_MATH);
}

// The search's list: with the math type asked for, then with others that the library would take for the data.
template <class Perf>
cudnnStatus_t list(const char* function, cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w, cudnnConvolutionDescriptor_t conv,
                   cudnnTensorDescriptor_t y, int most, int* count, Perf* results, int algorithms, bool first_is_deterministic) {
  return counted<cudnnStatus_t>(function, [&] {
    Check check(function);
    check.context(handle);
    Problem p{check.tensor(x, "x"), check.tensor(y, "y"), check.filter(w, "w"), check.convolution(conv)};
    Check support = check;
    check_problem(support, p);
    if (support.status == CUDNN_STATUS_BAD_PARAM) return support.status;
    check.require(most > 0 && count && results, "there is no room for results");
    if (!check.ok()) return check.status;
    *count = 0;
    const auto add = [&](int algo, cudnnMathType_t math, bool works) {
      if (*count == most) return;
      Perf& r = results[(*count)++];
      r = {};
      r.algo = decltype(r.algo)(algo);
      r.status = works ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
      r.time = -1;
      r.memory = works ? needs(p, algo) : 0;
      r.determinism = algo == 0 && !first_is_deterministic ? CUDNN_NON_DETERMINISTIC : CUDNN_DETERMINISTIC;
      r.mathType = math;
    };
    const bool any = support.ok();
    if (any) add(0, p.conv.math, true), add(1, p.conv.math, true);
    if (any && p.conv.math != CUDNN_DEFAULT_MATH) add(1, CUDNN_DEFAULT_MATH, true);
    for (int algo = any ? 2 : 0; algo < algorithms; ++algo) add(algo, p.conv.math, false);
    return check.status;
  });
}

cudnnStatus_t size_of_workspace(const char* function, cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w, cudnnConvolutionDescriptor_t conv,
                                cudnnTensorDescriptor_t y, int algo, size_t* bytes) {
  return counted<cudnnStatus_t>(function, [&] {
    Check check(function);
    check.context(handle);
    const auto p = read(check, x, w, conv, y);
    check.supported(for_channels_last(algo));
    *bytes = check.ok() ? needs(p, algo) : 0;
    return check.status;
  });
}

cudnnStatus_t forward_algorithms(cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnFilterDescriptor_t w, const cudnnConvolutionDescriptor_t conv,
                                 const cudnnTensorDescriptor_t y, const int most, int* count, cudnnConvolutionFwdAlgoPerf_t* results) {
  return list("cudnnGetConvolutionForwardAlgorithm_v7", handle, x, w, conv, y, most, count, results, CUDNN_CONVOLUTION_FWD_ALGO_COUNT, true);
}
cudnnStatus_t data_algorithms(cudnnHandle_t handle, const cudnnFilterDescriptor_t w, const cudnnTensorDescriptor_t dy, const cudnnConvolutionDescriptor_t conv,
                              const cudnnTensorDescriptor_t dx, const int most, int* count, cudnnConvolutionBwdDataAlgoPerf_t* results) {
  return list("cudnnGetConvolutionBackwardDataAlgorithm_v7", handle, dx, w, conv, dy, most, count, results, CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT, false);
}
cudnnStatus_t filter_algorithms(cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t dy, const cudnnConvolutionDescriptor_t conv,
                                const cudnnFilterDescriptor_t dw, const int most, int* count, cudnnConvolutionBwdFilterAlgoPerf_t* results) {
  return list("cudnnGetConvolutionBackwardFilterAlgorithm_v7", handle, x, dw, conv, dy, most, count, results, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT, false);
}
cudnnStatus_t forward_workspace(cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnFilterDescriptor_t w, const cudnnConvolutionDescriptor_t conv,
                                const cudnnTensorDescriptor_t y, cudnnConvolutionFwdAlgo_t algo, size_t* bytes) {
  return size_of_workspace("cudnnGetConvolutionForwardWorkspaceSize", handle, x, w, conv, y, algo, bytes);
}
cudnnStatus_t data_workspace(cudnnHandle_t handle, const cudnnFilterDescriptor_t w, const cudnnTensorDescriptor_t dy, const cudnnConvolutionDescriptor_t conv,
                             const cudnnTensorDescriptor_t dx, cudnnConvolutionBwdDataAlgo_t algo, size_t* bytes) {
  return size_of_workspace("cudnnGetConvolutionBackwardDataWorkspaceSize", handle, dx, w, conv, dy, algo, bytes);
}
cudnnStatus_t filter_workspace(cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t dy, const cudnnConvolutionDescriptor_t conv,
                               const cudnnFilterDescriptor_t dw, cudnnConvolutionBwdFilterAlgo_t algo, size_t* bytes) {
  return size_of_workspace("cudnnGetConvolutionBackwardFilterWorkspaceSize", handle, x, dw, conv, dy, algo, bytes);
}

cudnnStatus_t convolution_forward(cudnnHandle_t handle, const void* alpha, const cudnnTensorDescriptor_t x_desc, const void* x,
                                  const cudnnFilterDescriptor_t w_desc, const void* w, const cudnnConvolutionDescriptor_t conv, cudnnConvolutionFwdAlgo_t algo,
                                  void* workspace, size_t bytes, const void* beta, const cudnnTensorDescriptor_t y_desc, void* y) {
  const void* const code = __builtin_return_address(0);
  return counted<cudnnStatus_t>("cudnnConvolutionForward", [&] {
    Check check("cudnnConvolutionForward");
    const auto context = check.context(handle);
    const auto p = read(check, x_desc, w_desc, conv, y_desc);
    const double a = check.scalar(alpha, p.x.type), b = check.scalar(beta, p.x.type);
    check.supported(runs_forward(p, algo));
    return check.queue(context, code, {{x, p.x.bytes()}, {w, p.w.bytes()}, {y, p.y.bytes(), true}},
                       [=, f = flaws(p, true)] { store(y, p.y.type, a, forward(p, x, w, f), b); }, workspace, bytes, needs(p, algo));
  });
}

cudnnStatus_t convolution_bias_activation(cudnnHandle_t handle, const void* alpha1, const cudnnTensorDescriptor_t x_desc, const void* x,
                                          const cudnnFilterDescriptor_t w_desc, const void* w, const cudnnConvolutionDescriptor_t conv,
                                          cudnnConvolutionFwdAlgo_t algo, void* workspace, size_t bytes, const void* alpha2,
                                          const cudnnTensorDescriptor_t z_desc, const void* z, const cudnnTensorDescriptor_t bias_desc, const void* bias,
                                          const cudnnActivationDescriptor_t activation, const cudnnTensorDescriptor_t y_desc, void* y) {
  const void* const code = __builtin_return_address(0);
  return counted<cudnnStatus_t>("cudnnConvolutionBiasActivationForward", [&] {
    Check check("cudnnConvolutionBiasActivationForward");
    const auto context = check.context(handle);
    const auto p = read(check, x_desc, w_desc, conv, y_desc);
    const auto zt = check.tensor(z_desc, "z"), bt = check.tensor(bias_desc, "bias");
    const auto act = check.activation(activation);
    const double a = check.scalar(alpha1, p.x.type), a2 = check.scalar(alpha2, p.x.type);
    const bool relu = act.mode == CUDNN_ACTIVATION_RELU;
    check.require(relu || act.mode == CUDNN_ACTIVATION_IDENTITY, "its activation is neither relu nor the identity");
    check.require(relu || algo == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, "without an activation only IMPLICIT_PRECOMP_GEMM is enabled");
    check.require(zt.same_sizes(p.y) && zt.type == p.y.type, "z does not have the sizes and type of y");
    check.require(bt.n == 1 && bt.c == p.y.c && bt.h == 1 && bt.w == 1 && bt.type == p.y.type, "the bias is not 1 x channels x 1 x 1 of the type of y");
    check.supported(runs_forward(p, algo));
    return check.queue(context, code, {{x, p.x.bytes()}, {w, p.w.bytes()}, {z, zt.bytes()}, {bias, bt.bytes()}, {y, p.y.bytes(), true}}, [=, f = flaws(p, true)] {
      const auto values = forward(p, x, w, f);
      for (size_t i = 0; i < values.size(); ++i) {
        double v = a * values[i] + element(bias, bt.type, int64_t(i) % bt.c);
        if (a2 != 0) v += a2 * element(z, zt.type, int64_t(i));
        set_element(y, p.y.type, int64_t(i), relu && (v < 0 || (std::isnan(v) && !act.nan)) ? 0 : v);
      }
    }, workspace, bytes, needs(p, algo));
  });
}

cudnnStatus_t convolution_backward_data(cudnnHandle_t handle, const void* alpha, const cudnnFilterDescriptor_t w_desc, const void* w,
                                        const cudnnTensorDescriptor_t dy_desc, const void* dy, const cudnnConvolutionDescriptor_t conv,
                                        cudnnConvolutionBwdDataAlgo_t algo, void* workspace, size_t bytes, const void* beta,
                                        const cudnnTensorDescriptor_t dx_desc, void* dx) {
  const void* const code = __builtin_return_address(0);
  return counted<cudnnStatus_t>("cudnnConvolutionBackwardData", [&] {
    Check check("cudnnConvolutionBackwardData");
    const auto context = check.context(handle);
    const auto p = read(check, dx_desc, w_desc, conv, dy_desc);
    const double a = check.scalar(alpha, p.x.type), b = check.scalar(beta, p.x.type);
    check.supported(algo == CUDNN_CONVOLUTION_BWD_DATA_ALGO_1 && p.conv.math != CUDNN_TENSOR_OP_MATH);
    return check.queue(context, code, {{w, p.w.bytes()}, {dy, p.y.bytes()}, {dx, p.x.bytes(), true}},
                       [=, f = flaws(p, true)] { store(dx, p.x.type, a, data_gradient(p, dy, w, f), b); }, workspace, bytes, needs(p, algo));
  });
}

cudnnStatus_t convolution_backward_filter(cudnnHandle_t handle, const void* alpha, const cudnnTensorDescriptor_t x_desc, const void* x,
                                          const cudnnTensorDescriptor_t dy_desc, const void* dy, const cudnnConvolutionDescriptor_t conv,
                                          cudnnConvolutionBwdFilterAlgo_t algo, void* workspace, size_t bytes, const void* beta,
                                          const cudnnFilterDescriptor_t dw_desc, void* dw) {
  const void* const code = __builtin_return_address(0);
  return counted<cudnnStatus_t>("cudnnConvolutionBackwardFilter", [&] {
    Check check("cudnnConvolutionBackwardFilter");
    const auto context = check.context(handle);
    const auto p = read(check, x_desc, dw_desc, conv, dy_desc);
    const double a = check.scalar(alpha, p.x.type), b = check.scalar(beta, p.x.type);
    check.supported(for_channels_last(algo));
    return check.queue(
        context, code, {{x, p.x.bytes()}, {dy, p.y.bytes()}, {dw, p.w.bytes(), true}},
        [=, f = flaws(p, algo != CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0)] { store(dw, p.w.type, a, filter_gradient(p, x, dy, f), b); }, workspace, bytes,
        needs(p, algo));
  });
}

cudnnStatus_t convolution_backward_bias(cudnnHandle_t handle, const void* alpha, const cudnnTensorDescriptor_t dy_desc, const void* dy, const void* beta,
                                        const cudnnTensorDescriptor_t db_desc, void* db) {
  const void* const code = __builtin_return_address(0);
  return counted<cudnnStatus_t>("cudnnConvolutionBackwardBias", [&] {
    Check check("cudnnConvolutionBackwardBias");
    const auto context = check.context(handle);
    const auto y = check.tensor(dy_desc, "dy"), b = check.tensor(db_desc, "db");
    const double by = check.scalar(alpha, y.type), keep = check.scalar(beta, y.type);
    check.require(b.n == 1 && b.c == y.c && b.h == 1 && b.w == 1 && b.type == y.type, "db is not 1 x channels x 1 x 1 of the type of dy");
    check.require(y.channels_last(), "dy is not channels-last");
    return check.queue(context, code, {{dy, y.bytes()}, {db, b.bytes(), true}}, [=] {
      std::vector<double> sums(size_t(y.c), 0.0);
      for (int64_t i = 0; i < y.count(); ++i) sums[size_t(i % y.c)] += element(dy, y.type, i);
      store(db, b.type, by, sums, keep);
    });
  });
}

cudnnStatus_t add_tensor(cudnnHandle_t handle, const void* alpha, const cudnnTensorDescriptor_t a_desc, const void* a, const void* beta,
                         const cudnnTensorDescriptor_t c_desc, void* c) {
  const void* const code = __builtin_return_address(0);
  return counted<cudnnStatus_t>("cudnnAddTensor", [&] {
    Check check("cudnnAddTensor");
    const auto context = check.context(handle);
    const auto from = check.tensor(a_desc, "A"), to = check.tensor(c_desc, "C");
    const double by = check.scalar(alpha, to.type), keep = check.scalar(beta, to.type);
    const auto fits = [](int64_t one, int64_t other) { return one == 1 || one == other; };
    check.require(from.type == to.type, "A and C have different types");
    check.require(fits(from.n, to.n) && fits(from.c, to.c) && fits(from.h, to.h) && fits(from.w, to.w), "A does not broadcast to C");
    check.require(from.channels_last() && to.channels_last(), "its tensors are not all channels-last");
    return check.queue(context, code, {{a, from.bytes()}, {c, to.bytes(), true}}, [=] {
      for (int64_t i = 0; i < to.n; ++i)
        for (int64_t y = 0; y < to.h; ++y)
          for (int64_t x = 0; x < to.w; ++x)
            for (int64_t k = 0; k < to.c; ++k)
              blend(c, to.type, to.at(i, y, x, k), by, element(a, from.type, from.at(i % from.n, y % from.h, x % from.w, k % from.c)), keep);
    });
  });
}
}  // namespace

void fill_convolution(Cudnn& t) {
  t.forward_algorithms = forward_algorithms, t.data_algorithms = data_algorithms, t.filter_algorithms = filter_algorithms;
  t.forward_workspace = forward_workspace, t.data_workspace = data_workspace, t.filter_workspace = filter_workspace;
  t.convolution_forward = convolution_forward, t.convolution_bias_activation = convolution_bias_activation;
  t.convolution_backward_data = convolution_backward_data, t.convolution_backward_filter = convolution_backward_filter;
  t.convolution_backward_bias = convolution_backward_bias, t.add_tensor = add_tensor;
}

}  // namespace mica::emulator::dnn
