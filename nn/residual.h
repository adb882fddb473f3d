#pragma once
#include "mica/nn/batch_norm.h"
#include "mica/nn/conv2d.h"
// The residual blocks of He, Zhang, Ren, Sun 2015 with torchvision's names. Both end in one pass: relu(norm(x) + shortcut).
namespace mica {

// The shortcut where the shape changes: 1x1 convolution and norm.
struct Projection {
  Conv2d conv;
  BatchNorm2d norm;
  Projection(int64_t in, int64_t out, int stride) : conv(in, out, 1, {.stride = stride, .bias = false}), norm(out) {}
  Tensor operator()(const Tensor& x) const { return norm(conv(x)); }
  void fields(Fields& f) { f.child("0", conv); f.child("1", norm); }
};

// Two 3x3 convolutions.   x: [n, in, h, w] -> [n, width, h / stride, w / stride]
struct BasicBlock {
  static constexpr int expansion = 1;  // output channels in widths
  Conv2d conv1, conv2;
  BatchNorm2d bn1, bn2;
  std::optional<Projection> downsample;
  BasicBlock(int64_t in, int64_t width, int stride = 1);
  Tensor operator()(const Tensor& x) const;
  BatchNorm2d& last_norm() { return bn2; }
  void fields(Fields& f) {
    f.child("conv1", conv1); f.child("bn1", bn1); f.child("conv2", conv2); f.child("bn2", bn2); f.child("downsample", downsample);
  }
};

// 1x1 down to width, 3x3 (with the stride: "ResNet v1.5"), 1x1 up to 4 width.
struct Bottleneck {
  static constexpr int expansion = 4;
  Conv2d conv1, conv2, conv3;
  BatchNorm2d bn1, bn2, bn3;
  std::optional<Projection> downsample;
  Bottleneck(int64_t in, int64_t width, int stride = 1);
  Tensor operator()(const Tensor& x) const;
  BatchNorm2d& last_norm() { return bn3; }
  void fields(Fields& f) {
    f.child("conv1", conv1); f.child("bn1", bn1); f.child("conv2", conv2); f.child("bn2", bn2); f.child("conv3", conv3); f.child("bn3", bn3);
    f.child("downsample", downsample);
  }
};

}  // namespace mica
