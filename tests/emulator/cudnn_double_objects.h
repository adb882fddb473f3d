#pragma once
#include <optional>
#include "mica/cuda/cudnn_table.h"
#include "mica/tests/emulator/library_double.h"
// The descriptors of the double of cuDNN, and what its functions check.
namespace mica::emulator::dnn {

struct Context { cudaStream_t stream = nullptr; };
struct Tensor {
  bool set = false;
  DType type = f32;
  cudnnTensorFormat_t format = CUDNN_TENSOR_NCHW;
  int64_t n = 0, c = 0, h = 0, w = 0;
  int64_t count() const { return n * c * h * w; }
  size_t bytes() const { return size_t(count()) * bytes_of(type); }
  int64_t at(int64_t i, int64_t y, int64_t x, int64_t channel) const { return ((i * h + y) * w + x) * c + channel; }
  bool same_sizes(const Tensor& o) const { return n == o.n && c == o.c && h == o.h && w == o.w; }
  bool channels_last() const { return format == CUDNN_TENSOR_NHWC || h * w == 1 || c == 1; }
};
struct Filter {
  bool set = false;
  DType type = f32;
  cudnnTensorFormat_t format = CUDNN_TENSOR_NCHW;
  int64_t k = 0, c = 0, h = 0, w = 0;  // in memory [k, h, w, c]
  int64_t count() const { return k * c * h * w; }
  size_t bytes() const { return size_t(count()) * bytes_of(type); }
};
struct Convolution {
  bool set = false;
  int64_t pad_h = 0, pad_w = 0, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1, groups = 1;
  cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  DType compute = f32;
  cudnnMathType_t math = CUDNN_DEFAULT_MATH;
};
struct Pooling {
  bool set = false;
  cudnnPoolingMode_t mode = CUDNN_POOLING_MAX;
  bool nan = true;
  int64_t window_h = 0, window_w = 0, pad_h = 0, pad_w = 0, stride_h = 1, stride_w = 1;
};
struct Activation {
  bool set = false;
  cudnnActivationMode_t mode = CUDNN_ACTIVATION_RELU;
  bool nan = true;
  double coefficient = 0;
};

Objects<cudnnContext, Context>& contexts();
Objects<cudnnTensorStruct, Tensor>& tensors();
Objects<cudnnFilterStruct, Filter>& filters();
Objects<cudnnConvolutionStruct, Convolution>& convolutions();
Objects<cudnnPoolingStruct, Pooling>& poolings();
Objects<cudnnActivationStruct, Activation>& activations();

// One call: finds the objects behind handles, and refuses what is wrong. Functions return `ok() ? queue : status`.
class Check {
 public:
  explicit Check(const char* function) : function(function) {}
  const char* const function;
  cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
  bool ok() const { return status == CUDNN_STATUS_SUCCESS; }

  Context context(cudnnHandle_t h) { return get(contexts(), h, "handle"); }
  Tensor tensor(cudnnTensorDescriptor_t h, const char* name) { return set(get(tensors(), h, name), name); }
  Filter filter(cudnnFilterDescriptor_t h, const char* name) { return set(get(filters(), h, name), name); }
  Convolution convolution(cudnnConvolutionDescriptor_t h) { return set(get(convolutions(), h, "convolution"), "convolution"); }
  Pooling pooling(cudnnPoolingDescriptor_t h) { return set(get(poolings(), h, "pooling"), "pooling"); }
  Activation activation(cudnnActivationDescriptor_t h) { return set(get(activations(), h, "activation"), "activation"); }
  // alpha or beta: double for f64, else float
  double scalar(const void* p, DType type);
  void require(bool holds, const std::string& otherwise);  // a mistake of the caller: reported, and CUDNN_STATUS_BAD_PARAM
  void supported(bool holds);                              // CUDNN_STATUS_NOT_SUPPORTED otherwise

  // Queues, if all is well. A workspace must be given where `needed` is not 0.
  cudnnStatus_t queue(const Context& context, const void* code, std::vector<Span> spans, std::function<void()> run, const void* workspace = nullptr,
                      size_t workspace_bytes = 0, size_t needed = 0);

 private:
  template <class Opaque, class Own> Own get(Objects<Opaque, Own>& all, const Opaque* handle, const char* name) {
    const Own* found = all.find(handle);
    require(found != nullptr, std::string("its ") + name + " was destroyed, or never created");
    return found ? *found : Own{};
  }
  template <class T> T set(const T& t, const char* name) {
    if (ok()) require(t.set, std::string("the descriptor of its ") + name + " was never set");
    return t;
  }
};

// y = alpha value + beta y, rounded once.
inline void blend(void* y, DType type, int64_t i, double alpha, double value, double beta) {
  set_element(y, type, i, alpha * value + (beta == 0 ? 0 : beta * element(y, type, i)));
}
DType dtype(cudnnDataType_t type);  // i64 for what mica does not use

void fill_convolution(Cudnn& table);
void fill_pooling(Cudnn& table);
void fill_pointwise(Cudnn& table);
void fill_norm(Cudnn& table);

}  // namespace mica::emulator::dnn
