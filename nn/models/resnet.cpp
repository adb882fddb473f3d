#include "mica/nn/models/resnet.h"
#include "mica/core/ops/avg_pool2d.h"
#include "mica/core/ops/max_pool2d.h"
#include "mica/nn/init.h"

namespace mica {
namespace {
Conv2dOptions stem(bool large) { return large ? Conv2dOptions{.stride = 2, .padding = 3, .bias = false} : Conv2dOptions{.padding = 1, .bias = false}; }

template <class Block> Sequential stage(int64_t in, int width, int blocks, int stride, bool zero_init) {
  Sequential result;
  for (int i = 0; i < blocks; ++i) {
    Block block(in, width, i == 0 ? stride : 1);
    if (zero_init) init::zeros(block.last_norm().weight);
    result.push_back(std::move(block));
    in = width * Block::expansion;
  }
  return result;
}
int64_t features(const ResNetDesign& d) { return (int64_t(d.width) << (d.blocks.size() - 1)) * (d.bottleneck ? Bottleneck::expansion : BasicBlock::expansion); }
}  // namespace

ResNet::ResNet(const ResNetDesign& d, const ModelOptions& o)
    : conv1(o.channels, d.width, d.large_stem ? 7 : 3, stem(d.large_stem)), bn1(d.width), fc(features(d), o.classes), pool(d.large_stem) {
  int64_t in = d.width;
  int width = d.width;
  for (int blocks : d.blocks) {
    const int stride = layers.empty() ? 1 : 2;
    layers.push_back(d.bottleneck ? stage<Bottleneck>(in, width, blocks, stride, o.zero_init_residual) : stage<BasicBlock>(in, width, blocks, stride, o.zero_init_residual));
    in = width * (d.bottleneck ? Bottleneck::expansion : BasicBlock::expansion);
    width *= 2;
  }
  for (const Field& f : mica::fields(*this)) if (f.tensor.rank() == 4) init::kaiming_normal(f.tensor, {.fan = init::Fan::out});
}

Tensor ResNet::operator()(const Tensor& x) const {
  Tensor y = bn1(conv1(x), {.relu = true});
  if (pool) y = max_pool2d(y, {.window = 3, .stride = 2, .padding = 1});
  for (const Sequential& layer : layers) y = layer(y);
  return fc(global_avg_pool2d(y));
}
void ResNet::fields(Fields& f) {
  f.child("conv1", conv1);
  f.child("bn1", bn1);
  for (size_t i = 0; i < layers.size(); ++i) f.child("layer" + std::to_string(i + 1), layers[i]);
  f.child("fc", fc);
}

ResNet resnet8(const ModelOptions& o) { return ResNet({.blocks = {1, 1, 1}, .width = 16, .large_stem = false}, o); }
ResNet resnet20(const ModelOptions& o) { return ResNet({.blocks = {3, 3, 3}, .width = 16, .large_stem = false}, o); }
ResNet resnet32(const ModelOptions& o) { return ResNet({.blocks = {5, 5, 5}, .width = 16, .large_stem = false}, o); }
ResNet resnet56(const ModelOptions& o) { return ResNet({.blocks = {9, 9, 9}, .width = 16, .large_stem = false}, o); }
ResNet resnet18(const ModelOptions& o) { return ResNet({.blocks = {2, 2, 2, 2}, .large_stem = !o.cifar_stem}, o); }
ResNet resnet34(const ModelOptions& o) { return ResNet({.blocks = {3, 4, 6, 3}, .large_stem = !o.cifar_stem}, o); }
ResNet resnet50(const ModelOptions& o) { return ResNet({.blocks = {3, 4, 6, 3}, .bottleneck = true, .large_stem = !o.cifar_stem}, o); }

}  // namespace mica
