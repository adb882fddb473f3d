#include <cmath>
#include "mica/mica.h"
#include "mica/tests/op_case.h"
// The modules: what they compute (the ops have tests of their own), how they start, and their gradients.
using namespace mica;
using mica::testing::error_of;

namespace {
double largest(const Tensor& x) { double m = 0; for (double v : x.to_vector<double>()) m = std::max(m, std::abs(v)); return m; }
double difference(const Tensor& a, const Tensor& b) { EXPECT_EQ(a.shape(), b.shape()); return largest(a - b); }
std::string names(const std::vector<Field>& fields) {
  std::string result;
  for (const Field& f : fields) result += (result.empty() ? "" : " ") + f.path + to_string(f.tensor.shape());
  return result;
}
}  // namespace

TEST(Layers, Linear) {
  seed(1);
  const Linear layer(3, 2), plain(3, 2, {.bias = false});
  EXPECT_EQ(names(fields(layer)), "weight[2, 3] bias[2]");
  EXPECT_EQ(names(fields(plain)), "weight[2, 3]");
  EXPECT_TRUE(layer.weight.requires_grad() && layer.bias.requires_grad() && plain.weight.requires_grad());
  EXPECT_LE(largest(layer.weight), 1 / std::sqrt(3.0));
  EXPECT_GT(largest(layer.weight), 0);
  const Tensor y = layer(tensor({1, 2, 3}));
  for (int o = 0; o < 2; ++o) {
    double sum = layer.bias[o].item();
    for (int i = 0; i < 3; ++i) sum += layer.weight[o][i].item() * (i + 1);
    EXPECT_NEAR(y[o].item(), sum, 1e-6);
  }
  fields(layer);
  EXPECT_EQ(error_of([&] { layer(zeros({5, 4})); }).substr(0, 53), "linear: weight expects 3 input features, x has 4\n  x:");
}

TEST(Layers, Conv2d) {
  seed(2);
  const Conv2d layer(4, 6, {3, 5}, {.stride = 2, .padding = {1, 2}, .groups = 2});
  EXPECT_EQ(names(fields(layer)), "weight[6, 2, 3, 5] bias[6]");
  EXPECT_TRUE(layer.weight.has_layout(Layout::channels_last));
  EXPECT_LE(largest(layer.weight), 1 / std::sqrt(30.0));
  const Tensor y = layer(randn({2, 4, 7, 9}));
  EXPECT_EQ(y.shape(), (Shape{2, 6, 4, 5}));
  EXPECT_TRUE(y.has_layout(Layout::channels_last));
  y.backward(ones_like(y));
  EXPECT_TRUE(layer.weight.grad().has_layout(Layout::channels_last));
  EXPECT_FALSE(Conv2d(1, 1, 1, {.bias = false}).bias);
  EXPECT_EQ(error_of([] { Conv2d(4, 6, 3, {.groups = 3}); }), "Conv2d: 3 groups do not divide 4 input and 6 output channels");
  Sequential model{relu, Conv2d(4, 6, 3)};
  fields(model);
  EXPECT_EQ(error_of([&] { model(zeros({2, 3, 8, 8})); }),
            "conv2d: weight expects 4 input channels, x has 3\n  in 1\n  x:      f32[2, 3, 8, 8] on cpu\n  weight: f32[6, 4, 3, 3] on cpu\n  bias:   f32[6] on cpu");
}

TEST(Layers, BatchNorm) {
  BatchNorm2d norm(2);
  EXPECT_EQ(names(fields(norm)), "weight[2] bias[2] running_mean[2] running_var[2]");
  EXPECT_EQ(parameters(norm).size(), 2u);
  Tensor x = from(std::vector<float>{1, 3, 10, 30, 5, 7, 10, 70}, {2, 2, 2, 1});  // channel 0: 1 3 5 7, channel 1: 10 30 10 70
  const Tensor y = norm(x);
  EXPECT_NEAR(y[0][0][0].item(), -3 / std::sqrt(5 + 1e-5), 1e-5);
  EXPECT_NEAR(norm.running_mean[0].item(), 0.4, 1e-6);
  EXPECT_NEAR(norm.running_var[0].item(), 0.9 + 0.1 * 20 / 3, 1e-5);  // the unbiased variance
  set_training(norm, false);
  EXPECT_NEAR(norm(x)[1][0][0].item(), (5 - 0.4) / std::sqrt(0.9 + 2.0 / 3 + 1e-5), 1e-5);
  EXPECT_NEAR(norm.running_mean[0].item(), 0.4, 1e-6);
  const Tensor z = norm(x, {.relu = true, .add = x * -1});
  EXPECT_LT(difference(z, relu(norm(x) - x)), 1e-6);
  BatchNorm1d bare(2, {.affine = false, .track = false});
  EXPECT_EQ(fields(bare).size(), 0u);
  set_training(bare, false);
  EXPECT_NEAR(largest(mean(bare(randn({16, 2})), {.dims = {0}})), 0, 1e-6);  // by the batch's statistics all the same
}

TEST(Layers, LayerNorm) {
  const LayerNorm norm({2, 3});
  EXPECT_EQ(names(fields(norm)), "weight[2, 3] bias[2, 3]");
  seed(3);
  const Tensor y = norm(randn({4, 2, 3}) * 5 + 3);
  EXPECT_NEAR(largest(mean(y, {.dims = {1, 2}})), 0, 1e-6);
  EXPECT_NEAR(largest(var(y, {.dims = {1, 2}, .correction = 0}) - 1), 0, 1e-4);
  EXPECT_EQ(fields(LayerNorm({3}, {.affine = false})).size(), 0u);
}

TEST(Layers, DropoutOnlyInTraining) {
  seed(4);
  Sequential model{Dropout{.p = 0.25}};
  const Tensor x = ones({100, 100}), y = model(x);
  EXPECT_NEAR(mean(y).item(), 1, 0.02);
  int zero = 0;
  for (double v : y.to_vector<double>()) { zero += v == 0; EXPECT_TRUE(v == 0 || std::abs(v - 4.0 / 3) < 1e-6); }
  EXPECT_NEAR(zero, 2500, 250);
  set_training(model, false);
  EXPECT_TRUE(model(x).same(x));
  const Tensor channels = Dropout2d{.p = 0.5}(ones({8, 16, 3, 3}));
  const Tensor sums = sum(channels, {.dims = {2, 3}});
  for (double v : sums.to_vector<double>()) EXPECT_TRUE(v == 0 || v == 18);
}

TEST(Layers, Embedding) {
  seed(5);
  const Embedding table(10, 4);
  EXPECT_EQ(names(fields(table)), "weight[10, 4]");
  const Tensor y = table(from(std::vector<int64_t>{3, 3, 9}, {3}));
  EXPECT_EQ(y.shape(), (Shape{3, 4}));
  EXPECT_EQ(y[2][1].item(), table.weight[9][1].item());
}

TEST(Layers, PoolingAndShapes) {
  const Tensor x = randn({2, 3, 8, 6});
  EXPECT_EQ(MaxPool2d()(x).shape(), (Shape{2, 3, 4, 3}));
  EXPECT_EQ(MaxPool2d({.window = 3, .stride = 2, .padding = 1})(x).shape(), (Shape{2, 3, 4, 3}));
  EXPECT_EQ(AvgPool2d({.window = {2, 3}})(x).shape(), (Shape{2, 3, 4, 2}));
  EXPECT_EQ((AdaptiveAvgPool2d{{4, 2}}(x).shape()), (Shape{2, 3, 4, 2}));
  EXPECT_EQ(AdaptiveMaxPool2d{3}(x).shape(), (Shape{2, 3, 3, 3}));
  EXPECT_EQ(GlobalAvgPool2d()(x).shape(), (Shape{2, 3}));
  EXPECT_EQ(Flatten()(x).shape(), (Shape{2, 144}));
  EXPECT_EQ(Flatten(2)(x).shape(), (Shape{2, 3, 48}));
}

TEST(Layers, Activations) {
  const Tensor x = tensor({-2, 0.5});
  EXPECT_EQ(Relu()(x)[0].item(), 0);
  EXPECT_EQ(LeakyRelu({.slope = 0.25})(x)[0].item(), -0.5);
  EXPECT_EQ(Identity()(x)[0].item(), -2);
  EXPECT_NEAR(Softmax()(x)[1].item(), 1 / (1 + std::exp(-2.5)), 1e-6);
  EXPECT_NEAR(LogSoftmax{0}(x)[1].item(), -std::log(1 + std::exp(-2.5)), 1e-6);
  const Sequential all{Relu(), Relu6(), LeakyRelu(), Elu(), Gelu(), GeluTanh(), Silu(), Softplus(), Softsign(), Sigmoid(), Tanh(), HardSigmoid(), HardSwish(), Step(), Softmax()};
  EXPECT_EQ(all(x).shape(), Shape{2});
  EXPECT_EQ(fields(all).size(), 0u);
}

TEST(Layers, ResidualBlocks) {
  seed(6);
  BasicBlock same(4, 4), down(4, 8, 2);
  EXPECT_FALSE(same.downsample);
  EXPECT_TRUE(down.downsample);
  Bottleneck wide(4, 2), first(4, 4);
  EXPECT_FALSE(Bottleneck(8, 2).downsample);
  EXPECT_TRUE(wide.downsample && first.downsample);
  for (auto* block : {&same, &down}) set_training(*block, false);
  const Tensor x = randn({2, 4, 5, 5});
  EXPECT_LT(difference(same(x), relu(same.bn2(same.conv2(relu(same.bn1(same.conv1(x))))) + x)), 1e-5);
  EXPECT_LT(difference(down(x), relu(down.bn2(down.conv2(relu(down.bn1(down.conv1(x))))) + (*down.downsample)(x))), 1e-5);
  EXPECT_EQ(first(x).shape(), (Shape{2, 16, 5, 5}));
  { NoGrad no_grad; fill(same.bn2.weight, 0); }
  EXPECT_LT(difference(same(x), relu(x)), 1e-6);  // with a zero last weight a block is its shortcut
}

TEST(Layers, Gradients) {
  seed(8);
  auto right = [](const auto& module, const Tensor& x) {
    const GradientReport report = check_gradient(module, x);
    EXPECT_TRUE(report) << report.text;
    EXPECT_GT(report.checked, x.size());
  };
  const Tensor image = randn({2, 4, 5, 3});
  right(Linear(3, 4), randn({5, 3}));
  right(Conv2d(4, 6, {3, 2}, {.stride = {2, 1}, .padding = 1, .groups = 2}), image);
  right(BatchNorm2d(4), image);
  BatchNorm2d still(4);
  set_training(still, false);
  right(still, image);
  right(LayerNorm({5, 3}), image);
  right(Sequential{Conv2d(4, 3, 1), Dropout{.p = 0.4}, Dropout2d{.p = 0.2}}, image);  // the same elements are dropped each time
  right(Sequential{Conv2d(4, 3, 1), MaxPool2d({.window = 3, .stride = 2, .padding = 1}), Flatten(), Linear(18, 2), LogSoftmax()}, image);
  right(Sequential{Conv2d(4, 3, 1), AvgPool2d(), GlobalAvgPool2d(), Softmax()}, image);
  right(Sequential{Linear(3, 3), Gelu(), LeakyRelu(), Silu(), Tanh(), Sigmoid(), Softplus()}, image);
  right(BasicBlock(4, 4), image);
  right(BasicBlock(4, 6, 2), image);
  right(Bottleneck(4, 2, 2), image);
  right(Embedding(5, 3), from(std::vector<int64_t>{0, 4, 4, 1}));
  struct Tied {  // a shared weight gets both gradients
    Linear a{3, 3}, b = a;
    Tensor operator()(const Tensor& x) const { return b(mica::tanh(a(x))); }
    void fields(Fields& f) { f.child("a", a); f.child("b", b); }
  };
  right(Tied(), randn({4, 3}));
}

TEST(Layers, AWrongGradientIsReportedWithItsPath) {
  struct Wrong {
    Linear a{2, 2};
    Tensor operator()(const Tensor& x) const { const Tensor y = a(x); return y + y.detach(); }  // half of the gradient
    void fields(Fields& f) { f.child("a", a); }
  };
  const GradientReport report = check_gradient(Wrong(), randn({3, 2}));
  EXPECT_FALSE(report);
  EXPECT_NE(report.text.find("a.weight") == std::string::npos ? report.text.find("x[") : 0, std::string::npos) << report.text;
}

TEST(Layers, TheyLearn) {
  seed(7);
  Sequential model{Linear(2, 8), mica::tanh, Linear(8, 2)};
  const Tensor x = tensor({{0, 0}, {0, 1}, {1, 0}, {1, 1}}), labels = from(std::vector<int64_t>{0, 1, 1, 0});
  Sgd sgd(parameters(model), {.momentum = 0.9f});
  double loss = 0;
  for (int step = 0; step < 300; ++step) {
    const Tensor l = cross_entropy(model(x), labels);
    loss = l.item();
    l.backward();
    sgd.step(0.1f);
    sgd.zero_grad();
  }
  EXPECT_LT(loss, 0.01);  // exclusive or
}
