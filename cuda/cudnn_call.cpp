#include "mica/cuda/cudnn_call.h"
#include <climits>
#include <vector>
#include "mica/core/error.h"

namespace mica {
namespace {
struct Handle {
  cudnnHandle_t handle = nullptr;
  CUstream_st* stream = nullptr;  // its stream; a new handle has the default one
};
std::mutex& mutex() {
  static auto& result = *new std::mutex;
  return result;
}
// Never destroyed: when the process ends the driver may be gone.
std::map<int, Handle>& handles() {
  static auto& result = *new std::map<int, Handle>;
  return result;
}
std::vector<std::function<void()>>& clears() {
  static auto& result = *new std::vector<std::function<void()>>;
  return result;
}

cudnnHandle_t handle_of(const Cuda& on) {
  Handle& h = handles()[on.device];
  if (!h.handle) {
    const auto status = cudnn().create(&h.handle);
    if (status != CUDNN_STATUS_SUCCESS) h.handle = nullptr;
    cudnn_check(status, "cudnnCreate", [&] { return "device " + std::to_string(on.device); });
  }
  if (h.stream != on.stream) {
    cudnn_check(cudnn().set_stream(h.handle, on.stream), "cudnnSetStream", [&] { return "device " + std::to_string(on.device); });
    h.stream = on.stream;
  }
  return h.handle;
}
}  // namespace

CudnnCall::CudnnCall(const Cuda& on) : lock_(mutex()) { handle = handle_of(on); }

void cudnn_check(cudnnStatus_t status, const char* function, const CudnnWhat& what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  char more[256] = "";
  cudnn().last_error_string(more, sizeof more);
  throw CudaError(std::string(function) + " failed: " + cudnn().error_string(status) + (*more ? std::string(", ") + more : "") + ", for " + what());
}

bool cudnn_done(cudnnStatus_t status, const char* function, const CudnnWhat& what) {
  if (CUDNN_STATUS_CATEGORY(int(status)) == CUDNN_STATUS_NOT_SUPPORTED) return false;
  cudnn_check(status, function, what);
  return true;
}

cudnnDataType_t cudnn_type(DType type) {
  return type == f64 ? CUDNN_DATA_DOUBLE : type == f32 ? CUDNN_DATA_FLOAT : type == f16 ? CUDNN_DATA_HALF : CUDNN_DATA_BFLOAT16;
}

CudnnTensor::CudnnTensor(DType type, int64_t n, int64_t c, int64_t h, int64_t w)
    : CudnnDescriptor(cudnn().create_tensor, cudnn().destroy_tensor, "cudnnCreateTensorDescriptor") {
  cudnn_check(cudnn().set_tensor(value, CUDNN_TENSOR_NHWC, cudnn_type(type), int(n), int(c), int(h), int(w)), "cudnnSetTensor4dDescriptor", [&] {
    return std::string(name_of(type)) + "[" + std::to_string(n) + ", " + std::to_string(c) + ", " + std::to_string(h) + ", " + std::to_string(w) + "]";
  });
}
CudnnFilter::CudnnFilter(DType type, int64_t k, int64_t c, int64_t h, int64_t w)
    : CudnnDescriptor(cudnn().create_filter, cudnn().destroy_filter, "cudnnCreateFilterDescriptor") {
  cudnn_check(cudnn().set_filter(value, cudnn_type(type), CUDNN_TENSOR_NHWC, int(k), int(c), int(h), int(w)), "cudnnSetFilter4dDescriptor", [&] {
    return std::string(name_of(type)) + "[" + std::to_string(k) + ", " + std::to_string(c) + ", " + std::to_string(h) + ", " + std::to_string(w) + "]";
  });
}
CudnnActivation::CudnnActivation(cudnnActivationMode_t mode, double coefficient)
    : CudnnDescriptor(cudnn().create_activation, cudnn().destroy_activation, "cudnnCreateActivationDescriptor") {
  cudnn_check(cudnn().set_activation(value, mode, CUDNN_PROPAGATE_NAN, coefficient), "cudnnSetActivationDescriptor",
              [&] { return "mode " + std::to_string(int(mode)); });
}

bool cudnn_addresses(std::initializer_list<int64_t> sizes) {
  int64_t count = 1;
  for (const int64_t v : sizes) {
    if (v < 1 || v > INT_MAX) return false;
    count *= v;
    if (count > INT_MAX) return false;
  }
  return true;
}

void on_clear_cudnn_plans(std::function<void()> clear) { clears().push_back(std::move(clear)); }
void clear_cudnn_plans() {
  const std::lock_guard lock(mutex());
  for (const auto& clear : clears()) clear();
}

}  // namespace mica
