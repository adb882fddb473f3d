#pragma once
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include "mica/core/context.h"
#include "mica/core/dtype.h"
#include "mica/cuda/cudnn_table.h"
#include "mica/cuda/lru.h"
// What the files that call cuDNN have in common.
namespace mica {

// The handle of the device, with the context's stream, and the lock under which cuDNN is called: a handle belongs to one thread at a time.
class CudnnCall {
 public:
  explicit CudnnCall(const Cuda& on);  // throws CudaError
  cudnnHandle_t handle;

 private:
  std::lock_guard<std::mutex> lock_;
};

// What a call was about, for its error: "conv2d f16 x [...]".
using CudnnWhat = std::function<std::string()>;
// Throws CudaError, which names the function, the status and what it was about, where the status is an error.
void cudnn_check(cudnnStatus_t status, const char* function, const CudnnWhat& what);
// As cudnn_check; false where cuDNN says that it does not support this.
bool cudnn_done(cudnnStatus_t status, const char* function, const CudnnWhat& what);

cudnnDataType_t cudnn_type(DType type);
// 1 and 0 as cuDNN takes them beside data of a dtype.
struct CudnnScale {
  double one64 = 1, zero64 = 0;
  float one32 = 1, zero32 = 0;
  bool wide;
  explicit CudnnScale(DType type) : wide(type == f64) {}
  const void* one() const { return wide ? static_cast<const void*>(&one64) : &one32; }
  const void* zero() const { return wide ? static_cast<const void*>(&zero64) : &zero32; }
};

// A descriptor, destroyed with its owner.
template <class T> class CudnnDescriptor {
 public:
  CudnnDescriptor(cudnnStatus_t (*create)(T*), cudnnStatus_t (*destroy)(T), const char* function) : destroy_(destroy) {
    const auto status = create(&value);
    if (status != CUDNN_STATUS_SUCCESS) value = nullptr;
    cudnn_check(status, function, [] { return std::string("a new descriptor"); });
  }
  ~CudnnDescriptor() { if (value) destroy_(value); }
  CudnnDescriptor(const CudnnDescriptor&) = delete;
  T value = nullptr;

 private:
  cudnnStatus_t (*destroy_)(T);
};
struct CudnnTensor : CudnnDescriptor<cudnnTensorDescriptor_t> {
  CudnnTensor(DType type, int64_t n, int64_t c, int64_t h, int64_t w);  // channels-last
};
struct CudnnFilter : CudnnDescriptor<cudnnFilterDescriptor_t> {
  CudnnFilter(DType type, int64_t k, int64_t c, int64_t h, int64_t w);  // [k, h, w, c] in memory
};
struct CudnnActivation : CudnnDescriptor<cudnnActivationDescriptor_t> {
  explicit CudnnActivation(cudnnActivationMode_t mode, double coefficient = 0);
};

// Whether cuDNN can address a tensor of these sizes: all at least 1, below 2^31 elements.
bool cudnn_addresses(std::initializer_list<int64_t> sizes);

// Plans of one kind, the most used last, by device and what else they depend on. Used under a CudnnCall's lock.
void on_clear_cudnn_plans(std::function<void()> clear);
template <size_t n, class Plan> class CudnnPlans {
 public:
  CudnnPlans() { on_clear_cudnn_plans([this] { plans_.clear(); }); }
  template <class Make> Plan& get(const PlanKey<n>& key, Make make) {
    if (auto* found = plans_.find(key)) return **found;
    return *plans_.insert(key, make());
  }

 private:
  Lru<PlanKey<n>, std::unique_ptr<Plan>> plans_{512};
};
// Forgets all plans of all kinds (for tests).
void clear_cudnn_plans();

}  // namespace mica
