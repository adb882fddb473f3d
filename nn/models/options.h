#pragma once
#include <vector>

namespace mica {

// What a network of nn/models is built for; each takes of it what it needs.
struct ModelOptions {
  int classes = 10;
  int channels = 3, height = 32, width = 32;  // of the images
  std::vector<int> hidden = {256, 128};       // mlp: the sizes of its hidden layers
  bool cifar_stem = false;                    // resnet18/34/50: a 3x3 convolution and no pooling first, for images of about 32x32
  bool zero_init_residual = false;            // resnets: each block starts as its shortcut (Goyal et al. 2017)
};

}  // namespace mica
