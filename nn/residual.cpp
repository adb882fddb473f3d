#include "mica/nn/residual.h"

namespace mica {

BasicBlock::BasicBlock(int64_t in, int64_t width, int stride)
    : conv1(in, width, 3, {.stride = stride, .padding = 1, .bias = false}), conv2(width, width, 3, {.padding = 1, .bias = false}), bn1(width), bn2(width) {
  if (stride != 1 || in != width) downsample.emplace(in, width, stride);
}
Tensor BasicBlock::operator()(const Tensor& x) const {
  const Tensor y = bn1(conv1(x), {.relu = true});
  return bn2(conv2(y), {.relu = true, .add = downsample ? (*downsample)(x) : x});
}

Bottleneck::Bottleneck(int64_t in, int64_t width, int stride)
    : conv1(in, width, 1, {.bias = false}), conv2(width, width, 3, {.stride = stride, .padding = 1, .bias = false}),
      conv3(width, expansion * width, 1, {.bias = false}), bn1(width), bn2(width), bn3(expansion * width) {
  if (stride != 1 || in != expansion * width) downsample.emplace(in, expansion * width, stride);
}
Tensor Bottleneck::operator()(const Tensor& x) const {
  const Tensor y = bn2(conv2(bn1(conv1(x), {.relu = true})), {.relu = true});
  return bn3(conv3(y), {.relu = true, .add = downsample ? (*downsample)(x) : x});
}

}  // namespace mica
