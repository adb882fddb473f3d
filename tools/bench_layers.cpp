// Cases of mica bench: layers as ResNet, LeNet, MLPs and language models have them.
#include "mica/core/ops/avg_pool2d.h"
#include "mica/core/ops/batch_norm.h"
#include "mica/core/ops/bce_with_logits.h"
#include "mica/core/ops/conv2d.h"
#include "mica/core/ops/cross_entropy.h"
#include "mica/core/ops/dropout.h"
#include "mica/core/ops/index_select.h"
#include "mica/core/ops/layer_norm.h"
#include "mica/core/ops/linear.h"
#include "mica/core/ops/matmul.h"
#include "mica/core/ops/max_pool2d.h"
#include "mica/core/ops/mse.h"
#include "mica/core/ops/nll.h"
#include "mica/core/ops/softmax.h"
#include "mica/tools/bench_cases.h"

namespace mica::tools {
namespace {

using Cases = std::vector<BenchCase>;
std::string text(std::int64_t n) { return std::to_string(n); }
double size_of(const Tensor& x) { return static_cast<double>(x.bytes()); }

void add_convolutions(Cases& cases) {
  struct Layer { int n, c, size, out, kernel, stride, groups; bool bias; const char* from; };
  for (const Layer& l : {Layer{64, 3, 224, 64, 7, 2, 1, false, "ResNet-50 stem"}, {64, 64, 56, 64, 1, 1, 1, false, "ResNet-50"}, {64, 64, 56, 256, 1, 1, 1, false, "ResNet-50"},
                         {64, 64, 56, 64, 3, 1, 1, false, "ResNet-50"}, {64, 128, 56, 128, 3, 2, 1, false, "ResNet-50"}, {64, 256, 56, 512, 1, 2, 1, false, "ResNet-50"},
                         {64, 256, 14, 256, 3, 1, 1, false, "ResNet-50"}, {64, 1024, 14, 256, 1, 1, 1, false, "ResNet-50"}, {64, 512, 7, 512, 3, 1, 1, false, "ResNet-50"},
                         {128, 16, 32, 16, 3, 1, 1, false, "ResNet-20"}, {128, 64, 8, 64, 3, 1, 1, false, "ResNet-20"}, {128, 1, 28, 6, 5, 1, 1, true, "LeNet-5"},
                         {64, 128, 28, 128, 3, 1, 128, false, "depthwise"}, {1, 64, 56, 64, 3, 1, 1, false, "ResNet-50"}}) {
    const std::string kernel = text(l.kernel) + "x" + text(l.kernel) + (l.stride > 1 ? " stride " + text(l.stride) : "");
    cases.push_back({.op = "conv2d",
                     .text = kernel + ", " + text(l.c) + " to " + text(l.out) + " channels, " + text(l.size) + " x " + text(l.size) + ", batch " + text(l.n) + ", " + l.from,
                     .inputs = [l](InputMaker& make) {
                       const std::int64_t n = make.pick(l.n, std::min(l.n, 2)), size = make.pick(l.size, std::min(l.size, 9)), groups = l.groups == 1 ? 1 : make.pick(l.groups, 32);
                       const std::int64_t c = l.groups == 1 ? make.pick(l.c, std::min(l.c, 64)) : groups, out = l.groups == 1 ? make.pick(l.out, std::min(l.out, 64)) : groups;
                       Tensors all{make.image({n, c, size, size}), make.weight({out, c / groups, l.kernel, l.kernel}, c / groups * l.kernel * l.kernel)};
                       if (l.c <= 3) all[0] = all[0].detach();  // a first layer: nobody asks for the gradient of images
                       if (l.bias) all.push_back(make.scale({out}));
                       return all;
                     },
                     .call = [l](const Tensors& t) {
                       const int groups = l.groups == 1 ? 1 : static_cast<int>(t[0].size(1));
                       return conv2d(t[0], t[1], t.size() > 2 ? t[2] : Tensor(), {.stride = l.stride, .padding = l.kernel / 2, .groups = groups});
                     },
                     .choice = "conv2d"});
  }
}

void add_products(Cases& cases) {
  struct Layer { int n, in, out; const char* from; };
  for (const Layer& l : {Layer{128, 784, 256, "MLP"}, {1, 784, 256, "MLP"}, {256, 2048, 1000, "ResNet-50"}, {2048, 768, 3072, "transformer"}, {8, 4096, 4096, "few rows"}})
    cases.push_back({.op = "linear", .text = text(l.in) + " to " + text(l.out) + ", batch " + text(l.n) + ", " + l.from,
                     .inputs = [l](InputMaker& make) {
                       const std::int64_t n = make.pick(l.n, std::min(l.n, 17)), in = make.pick(l.in, 96), out = make.pick(l.out, 72);
                       return Tensors{make.x({n, in}), make.weight({out, in}, in), make.scale({out})};
                     },
                     .call = [](const Tensors& t) { return linear(t[0], t[1], t[2]); }, .choice = "linear"});
  struct Product { int batch, m, k, n; };
  for (const Product& p : {Product{1, 64, 64, 64}, {1, 512, 512, 512}, {1, 2048, 2048, 2048}, {1, 4096, 4096, 1}, {96, 128, 64, 128}})
    cases.push_back({.op = "matmul", .text = (p.batch > 1 ? text(p.batch) + " of " : "") + text(p.m) + " x " + text(p.k) + " times " + text(p.k) + " x " + text(p.n),
                     .inputs = [p](InputMaker& make) {
                       const std::int64_t m = make.pick(p.m, 48), k = make.pick(p.k, 64), n = p.n == 1 ? 1 : make.pick(p.n, 40), batch = make.pick(p.batch, 3);
                       if (p.batch == 1) return Tensors{make.x({m, k}), make.x({k, n})};
                       return Tensors{make.x({batch, m, k}), make.x({batch, k, n})};
                     },
                     .call = [](const Tensors& t) { return matmul(t[0], t[1]); }, .choice = "matmul"});
}

void add_norms(Cases& cases) {
  struct Layer { int n, c, size; bool training, relu, add; };
  for (const Layer& l : {Layer{64, 64, 56, true, false, false}, {64, 256, 14, true, true, false}, {64, 256, 56, true, true, true}, {64, 64, 56, false, false, false}, {128, 16, 32, true, true, false}})
    cases.push_back({.op = "batch_norm",
                     .text = std::string(l.training ? "training" : "inference") + (l.add ? " + add" : "") + (l.relu ? " + relu" : "") + ", " + text(l.c) + " channels, " + text(l.size) + " x " +
                             text(l.size) + ", batch " + text(l.n),
                     .inputs = [l](InputMaker& make) {
                       const std::int64_t n = make.pick(l.n, 3), size = make.pick(l.size, 7);
                       Tensors all{make.image({n, l.c, size, size}), make.scale({l.c}), make.scale({l.c}), make.statistics({l.c}), make.statistics({l.c})};
                       if (l.add) all.push_back(make.image({n, l.c, size, size}));
                       return all;
                     },
                     .call = [l](const Tensors& t) {
                       return batch_norm(t[0], t[1], t[2], t[3], t[4], {.training = l.training, .relu = l.relu}, t.size() > 5 ? t[5] : Tensor());
                     },
                     .choice = "batch_norm",
                     // In training the statistics need a pass of their own. With an addition the first pass of backward leaves dy behind relu, which is its gradient.
                     .bytes = [l](Pass pass, const Tensors& t, const Tensor&) {
                       const double x = size_of(t[0]);
                       if (!l.training) return (pass == Pass::forward ? 2 : 3) * x;
                       return (pass == Pass::forward ? (l.add ? 4 : 3) : l.add ? 7 : 5) * x;
                     }});
  for (const auto& [rows, width] : {std::pair{4096, 768}, {16384, 1024}, {64, 4096}})
    cases.push_back({.op = "layer_norm", .text = text(rows) + " rows of " + text(width),
                     .inputs = [rows = rows, width = width](InputMaker& make) { return Tensors{make.x({make.pick(rows, 9), width}), make.scale({width}), make.scale({width})}; },
                     .call = [](const Tensors& t) { return layer_norm(t[0], t[1], t[2]); }});
}

void add_pools(Cases& cases) {
  const auto pool = [&](const std::string& op, const std::string& what, int n, int c, int size, const auto& call, const std::string& choice, int index_bytes) {
    cases.push_back({.op = op, .text = what + ", " + text(c) + " channels, " + text(size) + " x " + text(size) + ", batch " + text(n),
                     .inputs = [=](InputMaker& make) { return Tensors{make.image({make.pick(n, 2), make.pick(c, std::min(c, 32)), make.pick(size, std::min(size, 15)), make.pick(size, std::min(size, 15))})}; },
                     .call = [call](const Tensors& t) { return call(t[0]); }, .choice = choice,
                     .bytes = [index_bytes](Pass, const Tensors& t, const Tensor& y) { return size_of(t[0]) + size_of(y) + index_bytes * static_cast<double>(y.size()); }});
  };
  pool("max_pool2d", "3x3 stride 2", 64, 64, 112, [](const Tensor& x) { return max_pool2d(x, {.window = 3, .stride = 2, .padding = 1}); }, "max_pool2d", 1);
  pool("max_pool2d", "2x2", 128, 32, 28, [](const Tensor& x) { return max_pool2d(x, {.window = 2}); }, "max_pool2d", 1);
  pool("avg_pool2d", "2x2", 128, 32, 28, [](const Tensor& x) { return avg_pool2d(x, {.window = 2}); }, "avg_pool2d", 0);
  pool("avg_pool2d", "3x3 stride 2", 64, 64, 112, [](const Tensor& x) { return avg_pool2d(x, {.window = 3, .stride = 2, .padding = 1}); }, "avg_pool2d", 0);
  pool("global_avg_pool2d", "to 1 x 1", 64, 2048, 7, [](const Tensor& x) { return global_avg_pool2d(x); }, "", 0);
  pool("adaptive_avg_pool2d", "to 6 x 6", 64, 256, 13, [](const Tensor& x) { return adaptive_avg_pool2d(x, 6); }, "", 0);
  pool("adaptive_max_pool2d", "to 6 x 6", 64, 256, 13, [](const Tensor& x) { return adaptive_max_pool2d(x, 6); }, "", 1);
}

void add_losses(Cases& cases) {
  for (const auto& [n, classes] : {std::pair{128, 10}, {256, 1000}, {512, 32000}}) {
    const auto logits = [n = n, classes = classes](InputMaker& make) { return Tensors{make.x({make.pick(n, 5), classes})}; };
    const auto with_labels = [n = n, classes = classes](InputMaker& make) { return Tensors{make.x({make.pick(n, 5), classes}), make.ids({make.pick(n, 5)}, classes)}; };
    const std::string size = text(n) + " rows of " + text(classes);
    cases.push_back({.op = "softmax", .text = size, .inputs = logits, .call = [](const Tensors& t) { return softmax(t[0]); }, .choice = "softmax"});
    cases.push_back({.op = "log_softmax", .text = size, .inputs = logits, .call = [](const Tensors& t) { return log_softmax(t[0]); }, .choice = "softmax"});
    cases.push_back({.op = "cross_entropy", .text = size, .inputs = with_labels, .call = [](const Tensors& t) { return cross_entropy(t[0], t[1]); }});
    if (classes == 1000)
      cases.push_back({.op = "nll", .text = size, .inputs = with_labels, .call = [](const Tensors& t) { return nll(t[0], t[1]); },
                       .bytes = [](Pass pass, const Tensors& t, const Tensor&) { return pass == Pass::forward ? 32.0 * static_cast<double>(t[1].size()) : size_of(t[0]); }});  // a sector each
  }
  const auto pair = [](InputMaker& make) { return Tensors{make.x({make.pick(1 << 22, 1003)}), make.constant({make.pick(1 << 22, 1003)}, InputMaker::Values::positive)}; };
  cases.push_back({.op = "mse", .text = "4 Mi elements", .inputs = pair, .call = [](const Tensors& t) { return mse(t[0], t[1]); }});
  cases.push_back({.op = "bce_with_logits", .text = "4 Mi elements", .inputs = pair, .call = [](const Tensors& t) { return bce_with_logits(t[0], t[1]); }});
}

void add_lookups(Cases& cases) {
  const auto drop = [](InputMaker& make) { return Tensors{make.x({make.pick(1 << 24, 4099)})}; };
  cases.push_back({.op = "dropout", .text = "16 Mi elements", .inputs = drop, .call = [](const Tensors& t) { return dropout(t[0], {.p = 0.1}); }});
  cases.push_back({.op = "dropout2d", .text = "64 channels, 56 x 56, batch 64",
                   .inputs = [](InputMaker& make) { return Tensors{make.image({make.pick(64, 3), 64, make.pick(56, 5), make.pick(56, 5)})}; },
                   .call = [](const Tensors& t) { return dropout2d(t[0]); }});
  for (const auto& [rows, width, count] : {std::tuple{32000, 768, 4096}, {1000, 64, 65536}})
    cases.push_back({.op = "embedding", .text = text(count) + " of " + text(rows) + " rows of " + text(width),
                     .inputs = [rows = rows, width = width, count = count](InputMaker& make) {
                       const std::int64_t height = make.pick(rows, 50);
                       return Tensors{make.weight({height, width}, 1), make.ids({make.pick(count, 33)}, height)};
                     },
                     .call = [](const Tensors& t) { return embedding(t[0], t[1]); },
                     .bytes = [](Pass pass, const Tensors& t, const Tensor& y) {
                       return size_of(t[1]) + (pass == Pass::forward ? 2 * size_of(y) : size_of(y) + size_of(t[0]));  // the gradient is dense, in f32
                     }});
}

}  // namespace

void add_layer_cases(Cases& cases) {
  add_convolutions(cases);
  add_products(cases);
  add_norms(cases);
  add_pools(cases);
  add_losses(cases);
  add_lookups(cases);
}

}  // namespace mica::tools
