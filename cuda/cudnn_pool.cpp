#include "mica/cuda/cudnn_pool.h"
#include "mica/cuda/cudnn_call.h"

namespace mica {
namespace {
struct Plan {
  CudnnTensor x, y;
  CudnnDescriptor<cudnnPoolingDescriptor_t> pooling{cudnn().create_pooling, cudnn().destroy_pooling, "cudnnCreatePoolingDescriptor"};
  explicit Plan(const CudnnPool& p) : x(p.dtype, p.n, p.c, p.h, p.w), y(p.dtype, p.n, p.c, p.out_h, p.out_w) {}
};

std::string text(const CudnnPool& p) {
  const auto pair = [](int64_t h, int64_t w) { return std::to_string(h) + " x " + std::to_string(w); };
  return std::string("a pooling in ") + name_of(p.dtype) + ", x [" + std::to_string(p.n) + ", " + std::to_string(p.c) + ", " + std::to_string(p.h) + ", " +
         std::to_string(p.w) + "], window " + pair(p.window_h, p.window_w) + ", stride " + pair(p.stride_h, p.stride_w) + ", padding " +
         pair(p.padding_h, p.padding_w);
}

bool fits(const CudnnPool& p) {
  const auto full = [](int64_t in, int64_t padding, int64_t window, int64_t stride, int64_t out) {
    return in + 2 * padding >= window && out == (in + 2 * padding - window) / stride + 1;
  };
  return cudnn_addresses({p.n, p.c, p.h, p.w}) && cudnn_addresses({p.n, p.c, p.out_h, p.out_w}) && p.padding_h < p.window_h && p.padding_w < p.window_w &&
         full(p.h, p.padding_h, p.window_h, p.stride_h, p.out_h) && full(p.w, p.padding_w, p.window_w, p.stride_w, p.out_w);
}

Plan& plan_of(const Cuda& on, const CudnnPool& p) {
  static auto& plans = *new CudnnPlans<15, Plan>;
  return plans.get({on.device, int64_t(p.dtype), int64_t(p.mode), p.n, p.c, p.h, p.w, p.out_h, p.out_w, p.window_h, p.window_w, p.stride_h, p.stride_w,
                    p.padding_h, p.padding_w},
                   [&] {
                     auto plan = std::make_unique<Plan>(p);
                     const auto mode = p.mode == CudnnPoolMode::max       ? CUDNN_POOLING_MAX_DETERMINISTIC
                                       : p.mode == CudnnPoolMode::average ? CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING
                                                                          : CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING;
                     cudnn_check(cudnn().set_pooling(plan->pooling.value, mode, CUDNN_PROPAGATE_NAN, int(p.window_h), int(p.window_w), int(p.padding_h),
                                                     int(p.padding_w), int(p.stride_h), int(p.stride_w)),
                                 "cudnnSetPooling2dDescriptor", [&] { return text(p); });
                     return plan;
                   });
}
}  // namespace

bool cudnn_pool_forward(const Cuda& on, const CudnnPool& pool, const void* x, void* y) {
  if (!fits(pool)) return false;
  const CudnnCall call(on);
  const CudnnScale s(pool.dtype);
  Plan& p = plan_of(on, pool);
  return cudnn_done(cudnn().pooling_forward(call.handle, p.pooling.value, s.one(), p.x.value, x, s.zero(), p.y.value, y), "cudnnPoolingForward",
                    [&] { return text(pool); });
}

bool cudnn_pool_backward(const Cuda& on, const CudnnPool& pool, const void* x, const void* y, const void* dy, void* dx) {
  if (!fits(pool)) return false;
  const CudnnCall call(on);
  const CudnnScale s(pool.dtype);
  Plan& p = plan_of(on, pool);
  return cudnn_done(cudnn().pooling_backward(call.handle, p.pooling.value, s.one(), p.y.value, y, p.y.value, dy, p.x.value, x, s.zero(), p.x.value, dx),
                    "cudnnPoolingBackward", [&] { return text(pool); });
}

}  // namespace mica
