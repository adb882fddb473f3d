#include "mica/tests/emulator/cudnn_double_objects.h"
#include "mica/tests/emulator/cudnn_double.h"

namespace mica::emulator {
namespace dnn {
namespace {
template <class Opaque, class Own> Objects<Opaque, Own>& all() {
  static auto& result = *new Objects<Opaque, Own>;
  return result;
}
}  // namespace
Objects<cudnnContext, Context>& contexts() { return all<cudnnContext, Context>(); }
Objects<cudnnTensorStruct, Tensor>& tensors() { return all<cudnnTensorStruct, Tensor>(); }
Objects<cudnnFilterStruct, Filter>& filters() { return all<cudnnFilterStruct, Filter>(); }
Objects<cudnnConvolutionStruct, Convolution>& convolutions() { return all<cudnnConvolutionStruct, Convolution>(); }
Objects<cudnnPoolingStruct, Pooling>& poolings() { return all<cudnnPoolingStruct, Pooling>(); }
Objects<cudnnActivationStruct, Activation>& activations() { return all<cudnnActivationStruct, Activation>(); }

DType dtype(cudnnDataType_t type) {
  switch (type) {
    case CUDNN_DATA_DOUBLE: return f64;
    case CUDNN_DATA_FLOAT: return f32;
    case CUDNN_DATA_HALF: return f16;
    case CUDNN_DATA_BFLOAT16: return bf16;
    default: return i64;
  }
}

void Check::require(bool holds, const std::string& otherwise) {
  if (holds || !ok()) return;
  misuse(function, otherwise);
  status = CUDNN_STATUS_BAD_PARAM;
}
void Check::supported(bool holds) {
  if (!holds && ok()) status = CUDNN_STATUS_NOT_SUPPORTED;
}
double Check::scalar(const void* p, DType type) {
  require(p != nullptr, "alpha or beta is null");
  if (!p) return 0;
  return type == f64 ? *static_cast<const double*>(p) : double(*static_cast<const float*>(p));
}
cudnnStatus_t Check::queue(const Context& context, const void* code, std::vector<Span> spans, std::function<void()> run, const void* workspace,
                           size_t workspace_bytes, size_t needed) {
  require(needed == 0 || (workspace && workspace_bytes >= needed),
          "a workspace of " + std::to_string(workspace ? workspace_bytes : 0) + " bytes, where it needs " + std::to_string(needed));
  const Span work{workspace, needed ? workspace_bytes : 0, true};
  if (ok() && (!check_spans(function, spans) || !check_spans(function, {work}))) status = CUDNN_STATUS_BAD_PARAM;
  if (ok() && emulator::queue(context.stream, function, code, std::move(spans), std::move(run), work) != cudaSuccess) status = CUDNN_STATUS_EXECUTION_FAILED;
  return status;
}

namespace {
template <class All, class Handle> cudnnStatus_t make(const char* function, All& all, Handle* handle) {
  return counted<cudnnStatus_t>(function, [&] { return *handle = all.create(), CUDNN_STATUS_SUCCESS; });
}
template <class All, class Handle> cudnnStatus_t end(const char* function, All& all, Handle handle) {
  return counted<cudnnStatus_t>(function, [&] {
    Check check(function);
    check.require(all.destroy(handle), "what it is to destroy was destroyed, or never created");
    return check.status;
  });
}
template <class All, class Handle, class Own> cudnnStatus_t put(const char* function, All& all, Handle handle, const Own& value, bool valid) {
  return counted<cudnnStatus_t>(function, [&] {
    Check check(function);
    auto* const own = all.find(handle);
    check.require(own != nullptr, "its descriptor was destroyed, or never created");
    check.require(valid, "a value that the documentation does not allow");
    if (check.ok()) *own = value;
    return check.status;
  });
}

cudnnStatus_t create(cudnnHandle_t* handle) { return make("cudnnCreate", contexts(), handle); }
cudnnStatus_t destroy(cudnnHandle_t handle) { return end("cudnnDestroy", contexts(), handle); }
cudnnStatus_t set_stream(cudnnHandle_t handle, cudaStream_t stream) { return put("cudnnSetStream", contexts(), handle, Context{stream}, true); }
size_t version() { return CUDNN_VERSION; }
const char* error_string(cudnnStatus_t s) {
  switch (s) {
    case CUDNN_STATUS_SUCCESS: return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_BAD_PARAM: return "CUDNN_STATUS_BAD_PARAM";
    case CUDNN_STATUS_NOT_SUPPORTED: return "CUDNN_STATUS_NOT_SUPPORTED";
    case CUDNN_STATUS_EXECUTION_FAILED: return "CUDNN_STATUS_EXECUTION_FAILED";
    case CUDNN_STATUS_INTERNAL_ERROR: return "CUDNN_STATUS_INTERNAL_ERROR";
    default: return "an unknown status";
  }
}
void last_error_string(char* message, size_t most) {
  if (most) message[0] = 0;
}

cudnnStatus_t create_tensor(cudnnTensorDescriptor_t* t) { return make("cudnnCreateTensorDescriptor", tensors(), t); }
cudnnStatus_t destroy_tensor(cudnnTensorDescriptor_t t) { return end("cudnnDestroyTensorDescriptor", tensors(), t); }
cudnnStatus_t set_tensor(cudnnTensorDescriptor_t t, cudnnTensorFormat_t format, cudnnDataType_t type, int n, int c, int h, int w) {
  return put("cudnnSetTensor4dDescriptor", tensors(), t, Tensor{true, dtype(type), format, n, c, h, w}, n > 0 && c > 0 && h > 0 && w > 0 && dtype(type) != i64);
}
cudnnStatus_t create_filter(cudnnFilterDescriptor_t* t) { return make("cudnnCreateFilterDescriptor", filters(), t); }
cudnnStatus_t destroy_filter(cudnnFilterDescriptor_t t) { return end("cudnnDestroyFilterDescriptor", filters(), t); }
cudnnStatus_t set_filter(cudnnFilterDescriptor_t t, cudnnDataType_t type, cudnnTensorFormat_t format, int k, int c, int h, int w) {
  return put("cudnnSetFilter4dDescriptor", filters(), t, Filter{true, dtype(type), format, k, c, h, w}, k > 0 && c > 0 && h > 0 && w > 0 && dtype(type) != i64);
}
cudnnStatus_t create_convolution(cudnnConvolutionDescriptor_t* t) { return make("cudnnCreateConvolutionDescriptor", convolutions(), t); }
cudnnStatus_t destroy_convolution(cudnnConvolutionDescriptor_t t) { return end("cudnnDestroyConvolutionDescriptor", convolutions(), t); }
cudnnStatus_t set_convolution(cudnnConvolutionDescriptor_t t, int pad_h, int pad_w, int u, int v, int dilation_h, int dilation_w, cudnnConvolutionMode_t mode,
                              cudnnDataType_t compute) {
  return put("cudnnSetConvolution2dDescriptor", convolutions(), t,
             Convolution{true, pad_h, pad_w, u, v, dilation_h, dilation_w, 1, mode, dtype(compute), CUDNN_DEFAULT_MATH},
             pad_h >= 0 && pad_w >= 0 && u > 0 && v > 0 && dilation_h > 0 && dilation_w > 0);
}
// Changes one member of a convolution.
template <class F> cudnnStatus_t change(const char* function, cudnnConvolutionDescriptor_t t, F body) {
  return counted<cudnnStatus_t>(function, [&] {
    Check check(function);
    check.convolution(t);
    if (check.ok()) body(*convolutions().find(t));
    return check.status;
  });
}
cudnnStatus_t set_convolution_math(cudnnConvolutionDescriptor_t t, cudnnMathType_t math) {
  return change("cudnnSetConvolutionMathType", t, [&](Convolution& c) { c.math = math; });
}
cudnnStatus_t set_convolution_groups(cudnnConvolutionDescriptor_t t, int groups) {
  return change("cudnnSetConvolutionGroupCount", t, [&](Convolution& c) { c.groups = groups; });
}
cudnnStatus_t create_pooling(cudnnPoolingDescriptor_t* t) { return make("cudnnCreatePoolingDescriptor", poolings(), t); }
cudnnStatus_t destroy_pooling(cudnnPoolingDescriptor_t t) { return end("cudnnDestroyPoolingDescriptor", poolings(), t); }
cudnnStatus_t set_pooling(cudnnPoolingDescriptor_t t, cudnnPoolingMode_t mode, cudnnNanPropagation_t nan, int window_h, int window_w, int pad_h, int pad_w,
                          int stride_h, int stride_w) {
  return put("cudnnSetPooling2dDescriptor", poolings(), t, Pooling{true, mode, nan == CUDNN_PROPAGATE_NAN, window_h, window_w, pad_h, pad_w, stride_h, stride_w},
             window_h > 0 && window_w > 0 && pad_h >= 0 && pad_w >= 0 && pad_h < window_h && pad_w < window_w && stride_h > 0 && stride_w > 0);
}
cudnnStatus_t create_activation(cudnnActivationDescriptor_t* t) { return make("cudnnCreateActivationDescriptor", activations(), t); }
cudnnStatus_t destroy_activation(cudnnActivationDescriptor_t t) { return end("cudnnDestroyActivationDescriptor", activations(), t); }
cudnnStatus_t set_activation(cudnnActivationDescriptor_t t, cudnnActivationMode_t mode, cudnnNanPropagation_t nan, double coefficient) {
  return put("cudnnSetActivationDescriptor", activations(), t, Activation{true, mode, nan == CUDNN_PROPAGATE_NAN, coefficient}, true);
}
}  // namespace
}  // namespace dnn

Cudnn cudnn_double() {
  using namespace dnn;
  Cudnn t;
  t.create = create, t.destroy = destroy, t.set_stream = set_stream, t.version = version, t.error_string = error_string, t.last_error_string = last_error_string;
  t.create_tensor = create_tensor, t.destroy_tensor = destroy_tensor, t.set_tensor = set_tensor;
  t.create_filter = create_filter, t.destroy_filter = destroy_filter, t.set_filter = set_filter;
  t.create_convolution = create_convolution, t.destroy_convolution = destroy_convolution, t.set_convolution = set_convolution;
  t.set_convolution_math = set_convolution_math, t.set_convolution_groups = set_convolution_groups;
  t.create_pooling = create_pooling, t.destroy_pooling = destroy_pooling, t.set_pooling = set_pooling;
  t.create_activation = create_activation, t.destroy_activation = destroy_activation, t.set_activation = set_activation;
  fill_convolution(t);
  fill_pooling(t);
  fill_pointwise(t);
  fill_norm(t);
  return t;
}

}  // namespace mica::emulator
