#pragma once
#include "mica/nn/linear.h"
#include "mica/nn/models/options.h"
#include "mica/nn/residual.h"
#include "mica/nn/sequential.h"

namespace mica {

// What tells one residual network from another.
struct ResNetDesign {
  std::vector<int> blocks;   // in each stage; a stage halves the image (but the first) and doubles the width
  int width = 64;            // of the first stage
  bool bottleneck = false;
  bool large_stem = true;    // 7x7 convolution of stride 2 and max pooling; otherwise one 3x3 convolution
};

// Residual networks (He, Zhang, Ren, Sun 2015) with torchvision's names: conv1, bn1, layer1.0.conv1, ..., fc.  x: [n, c, h, w] -> logits:
// [n, classes].  Convolutions start with Kaiming's normal initialisation by fan out.
struct ResNet {
  Conv2d conv1;
  BatchNorm2d bn1;
  std::vector<Sequential> layers;  // named layer1, layer2, ...
  Linear fc;
  bool pool;                       // after the stem
  ResNet(const ResNetDesign& design, const ModelOptions& options);
  Tensor operator()(const Tensor& x) const;
  void fields(Fields& f);
};

// The networks of the paper's section 4.2 for CIFAR's 32x32 images, 3 stages of 16, 32 and 64 channels: 6 n + 2 layers. Their shortcuts are
// projections where the shape changes (the paper's option B), not zero padding (A): the same pass as every other block, 1 % more parameters.
ResNet resnet8(const ModelOptions& options = {});
ResNet resnet20(const ModelOptions& options = {});
ResNet resnet32(const ModelOptions& options = {});
ResNet resnet56(const ModelOptions& options = {});
// The networks for ImageNet's 224x224 images; {.cifar_stem = true} for 32x32. torchvision's weights can be loaded.
ResNet resnet18(const ModelOptions& options = {});
ResNet resnet34(const ModelOptions& options = {});
ResNet resnet50(const ModelOptions& options = {});

}  // namespace mica
