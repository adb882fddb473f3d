#include <cmath>
#include <limits>
#include "mica/tests/emulator/cudnn_double_objects.h"
// Pooling.
namespace mica::emulator::dnn {
namespace {

bool is_max(const Pooling& p) { return p.mode == CUDNN_POOLING_MAX || p.mode == CUDNN_POOLING_MAX_DETERMINISTIC; }

void check_problem(Check& check, const Pooling& p, const Tensor& x, const Tensor& y) {
  if (!check.ok()) return;
  check.require(x.type == y.type && x.n == y.n && x.c == y.c, "x and y differ in type, batch or channels");
  check.require(y.h == (x.h + 2 * p.pad_h - p.window_h) / p.stride_h + 1 && y.w == (x.w + 2 * p.pad_w - p.window_w) / p.stride_w + 1,
                "y is " + std::to_string(y.h) + " x " + std::to_string(y.w) + ", which is not what x, window, strides and padding give");
  check.require(x.channels_last() && y.channels_last(), "its tensors are not all channels-last");
  check.supported(x.count() < int64_t(1) << 31);
}

// visit(pixel of y, pixels of x in its window, divisor of a mean) for each output pixel.
template <class F> void for_windows(const Pooling& p, const Tensor& x, const Tensor& y, F visit) {
  std::vector<int64_t> pixels;
  for (int64_t i = 0; i < y.n; ++i)
    for (int64_t r = 0; r < y.h; ++r)
      for (int64_t s = 0; s < y.w; ++s) {
        pixels.clear();
        for (int64_t a = 0; a < p.window_h; ++a)
          for (int64_t b = 0; b < p.window_w; ++b) {
            const int64_t row = r * p.stride_h - p.pad_h + a, column = s * p.stride_w - p.pad_w + b;
            if (row >= 0 && row < x.h && column >= 0 && column < x.w) pixels.push_back((i * x.h + row) * x.w + column);
          }
        visit((i * y.h + r) * y.w + s, pixels, p.mode == CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING ? double(p.window_h * p.window_w) : double(pixels.size()));
      }
}

// The largest of a window. Of equal ones the last: the library does not say which gets the gradient.
int64_t largest(const std::vector<double>& x, const std::vector<int64_t>& pixels, int64_t channels, int64_t c) {
  int64_t best = -1;
  for (const int64_t i : pixels) {
    const double v = x[size_t(i * channels + c)];
    if (best < 0 || std::isnan(v) || (!std::isnan(x[size_t(best)]) && v >= x[size_t(best)])) best = i * channels + c;
  }
  return best;
}

cudnnStatus_t pooling_forward(cudnnHandle_t handle, const cudnnPoolingDescriptor_t pooling, const void* alpha, const cudnnTensorDescriptor_t x_desc,
                              const void* x, const void* beta, const cudnnTensorDescriptor_t y_desc, void* y) {
  const void* const code = __builtin_return_address(0);
  return counted<cudnnStatus_t>("cudnnPoolingForward", [&] {
    Check check("cudnnPoolingForward");
    const auto context = check.context(handle);
    const auto p = check.pooling(pooling);
    const auto xt = check.tensor(x_desc, "x"), yt = check.tensor(y_desc, "y");
    check_problem(check, p, xt, yt);
    const double by = check.scalar(alpha, xt.type), keep = check.scalar(beta, xt.type);
    return check.queue(context, code, {{x, xt.bytes()}, {y, yt.bytes(), true}}, [=] {
      const auto values = elements(x, xt.type, xt.count());
      for_windows(p, xt, yt, [&](int64_t out, const std::vector<int64_t>& pixels, double divisor) {
        for (int64_t c = 0; c < xt.c; ++c) {
          double v = 0;
          if (is_max(p)) v = pixels.empty() ? -std::numeric_limits<double>::infinity() : values[size_t(largest(values, pixels, xt.c, c))];
          else for (const int64_t i : pixels) v += values[size_t(i * xt.c + c)] / divisor;
          blend(y, yt.type, out * xt.c + c, by, v, keep);
        }
      });
    });
  });
}

cudnnStatus_t pooling_backward(cudnnHandle_t handle, const cudnnPoolingDescriptor_t pooling, const void* alpha, const cudnnTensorDescriptor_t y_desc, const void* y,
                               const cudnnTensorDescriptor_t dy_desc, const void* dy, const cudnnTensorDescriptor_t x_desc, const void* x, const void* beta,
                               const cudnnTensorDescriptor_t dx_desc, void* dx) {
  const void* const code = __builtin_return_address(0);
  return counted<cudnnStatus_t>("cudnnPoolingBackward", [&] {
    Check check("cudnnPoolingBackward");
    const auto context = check.context(handle);
    const auto p = check.pooling(pooling);
    const auto xt = check.tensor(x_desc, "x"), yt = check.tensor(y_desc, "y"), dxt = check.tensor(dx_desc, "dx"), dyt = check.tensor(dy_desc, "dy");
    check_problem(check, p, xt, yt);
    check.require(dxt.same_sizes(xt) && dyt.same_sizes(yt) && dxt.type == xt.type && dyt.type == yt.type,
                  "the gradients do not have the sizes and types of x and y");
    const double by = check.scalar(alpha, xt.type), keep = check.scalar(beta, xt.type);
    return check.queue(context, code, {{y, yt.bytes()}, {dy, dyt.bytes()}, {x, xt.bytes()}, {dx, dxt.bytes(), true}}, [=] {
      const auto values = elements(x, xt.type, xt.count()), results = elements(y, yt.type, yt.count()), gradient = elements(dy, dyt.type, dyt.count());
      std::vector<double> sums(values.size(), 0.0);
      for_windows(p, xt, yt, [&](int64_t out, const std::vector<int64_t>& pixels, double divisor) {
        for (int64_t c = 0; c < xt.c; ++c) {
          const double g = gradient[size_t(out * xt.c + c)];
          if (!is_max(p))
            for (const int64_t i : pixels) sums[size_t(i * xt.c + c)] += g / divisor;
          else if (!pixels.empty()) {
            const auto best = size_t(largest(values, pixels, xt.c, c));
            const double v = results[size_t(out * xt.c + c)];
            if (!(values[best] == v || (std::isnan(values[best]) && std::isnan(v)))) misuse("cudnnPoolingBackward", "y is not the result of forward for this x");
            sums[best] += g;
          }
        }
      });
      for (size_t i = 0; i < sums.size(); ++i) blend(dx, dxt.type, int64_t(i), by, sums[i], keep);
    });
  });
}
}  // namespace

void fill_pooling(Cudnn& t) { t.pooling_forward = pooling_forward, t.pooling_backward = pooling_backward; }

}  // namespace mica::emulator::dnn
