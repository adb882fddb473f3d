#include "mica/nn/models/lenet5.h"
#include "mica/core/ops/max_pool2d.h"
#include "mica/core/ops/pointwise.h"
#include "mica/core/ops/view.h"

namespace mica {
namespace {
struct Plan { int pad1, pad2, height, width; };  // height and width of what the linear layers get
Plan plan_of(const ModelOptions& o) {
  Plan p{};
  const int smallest = std::min(o.height, o.width);
  if (smallest < 4) throw Error("lenet5 needs images of at least 4x4, not " + std::to_string(o.height) + "x" + std::to_string(o.width));
  p.pad1 = smallest < 32 ? 2 : 0;
  p.pad2 = (smallest + 2 * p.pad1 - 4) / 2 < 6 ? 2 : 0;
  auto size = [&](int n) { return ((n + 2 * p.pad1 - 4) / 2 + 2 * p.pad2 - 4) / 2; };
  p.height = size(o.height);
  p.width = size(o.width);
  return p;
}
}  // namespace

LeNet5::LeNet5(const ModelOptions& o)
    : conv1(o.channels, 6, 5, {.padding = plan_of(o).pad1}), conv2(6, 16, 5, {.padding = plan_of(o).pad2}),
      fc1(int64_t(16) * plan_of(o).height * plan_of(o).width, 120), fc2(120, 84), fc3(84, o.classes) {}

Tensor LeNet5::operator()(const Tensor& x) const {
  Tensor y = max_pool2d(relu(conv1(x)));
  y = flatten(max_pool2d(relu(conv2(y))));
  return fc3(relu(fc2(relu(fc1(y)))));
}
LeNet5 lenet5(const ModelOptions& options) { return LeNet5(options); }

}  // namespace mica
