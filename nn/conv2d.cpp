#include "mica/nn/conv2d.h"
#include "mica/core/ops/conv2d.h"
#include "mica/nn/init.h"

namespace mica {

Conv2d::Conv2d(int64_t in, int64_t out, Pair kernel, Conv2dOptions o) : options(o) {
  if (o.groups < 1 || in % o.groups || out % o.groups)
    throw Error("Conv2d: " + std::to_string(o.groups) + " groups do not divide " + std::to_string(in) + " input and " + std::to_string(out) + " output channels");
  weight = empty({out, in / o.groups, kernel.h, kernel.w}, {}, Layout::channels_last);
  if (o.bias) bias = empty({out});
  init::as_layer(weight, bias);
  weight.set_requires_grad();
  if (bias) bias.set_requires_grad();
}
Tensor Conv2d::operator()(const Tensor& x) const {
  return conv2d(x, weight, bias, {.stride = options.stride, .padding = options.padding, .dilation = options.dilation, .groups = options.groups});
}

}  // namespace mica
