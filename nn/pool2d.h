#pragma once
#include "mica/core/ops/avg_pool2d.h"
#include "mica/core/ops/max_pool2d.h"
#include "mica/nn/fields.h"
// The pooling ops as modules: MaxPool2d({.window = 3, .stride = 2, .padding = 1}).
namespace mica {

struct MaxPool2d {
  op::MaxPool2d options;
  MaxPool2d(op::MaxPool2d options = {}) : options(options) {}
  Tensor operator()(const Tensor& x) const { return max_pool2d(x, options); }
  void fields(Fields&) {}
};
struct AvgPool2d {
  op::AvgPool2d options;
  AvgPool2d(op::AvgPool2d options = {}) : options(options) {}
  Tensor operator()(const Tensor& x) const { return avg_pool2d(x, options); }
  void fields(Fields&) {}
};
struct AdaptiveAvgPool2d {  // [n, c, h, w] -> [n, c, size]
  Pair size = 1;
  Tensor operator()(const Tensor& x) const { return adaptive_avg_pool2d(x, size); }
  void fields(Fields&) {}
};
struct AdaptiveMaxPool2d {
  Pair size = 1;
  Tensor operator()(const Tensor& x) const { return adaptive_max_pool2d(x, size); }
  void fields(Fields&) {}
};
struct GlobalAvgPool2d {  // [n, c, h, w] -> [n, c]
  Tensor operator()(const Tensor& x) const { return global_avg_pool2d(x); }
  void fields(Fields&) {}
};

}  // namespace mica
