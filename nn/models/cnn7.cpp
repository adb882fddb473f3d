#include "mica/nn/models/cnn7.h"
#include "mica/core/ops/avg_pool2d.h"
#include "mica/core/ops/max_pool2d.h"
#include "mica/nn/init.h"

namespace mica {

Cnn7::Cnn7(const ModelOptions& o) : fc(64, o.classes) {
  int64_t in = o.channels;
  for (int out : {16, 16, 32, 32, 64, 64}) {
    conv.emplace_back(in, out, 3, Conv2dOptions{.padding = 1, .bias = false});
    init::kaiming_normal(conv.back().weight);
    norm.emplace_back(out);
    in = out;
  }
}
Tensor Cnn7::operator()(const Tensor& x) const {
  Tensor y = x;
  for (size_t i = 0; i < conv.size(); ++i) {
    y = norm[i](conv[i](y), {.relu = true});
    if (i % 2 && i + 1 < conv.size()) y = max_pool2d(y);
  }
  return fc(global_avg_pool2d(y));
}
Cnn7 cnn7(const ModelOptions& options) { return Cnn7(options); }

}  // namespace mica
