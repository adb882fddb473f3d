#include "mica/mica.h"
#include "mica/tests/op_case.h"

using namespace mica;

namespace {
const LayerSummary& layer(const Summary& s, const std::string& path, const std::string& op) {
  for (const LayerSummary& l : s.layers) if (l.path == path && l.op == op) return l;
  throw Error("no layer " + path + " " + op);
}
}  // namespace

TEST(Summary, LeNet5) {
  const Summary s = summary(lenet5({.channels = 1, .height = 28, .width = 28}), {2, 1, 28, 28});
  EXPECT_EQ(s.parameters, 61706);
  EXPECT_EQ(s.parameter_bytes, 4 * 61706);
  EXPECT_EQ(s.multiply_adds, 2 * 416520);  // 117600 + 240000 + 48000 + 10080 + 840 an image
  const LayerSummary& conv2 = layer(s, "conv2", "conv2d");
  EXPECT_EQ(conv2.output, (Shape{2, 16, 10, 10}));
  EXPECT_EQ(conv2.parameters, 2416);
  EXPECT_EQ(conv2.multiply_adds, 2 * 240000);
  EXPECT_EQ(conv2.activation_bytes, 4 * 2 * 1600);
  EXPECT_EQ(conv2.receptive_field[0], 14);                         // 5, pool 6, then 4 more of stride 2
  EXPECT_EQ(layer(s, "fc1", "linear").receptive_field[0], 16 + 4 * 4);  // all 5 positions of stride 4
  EXPECT_EQ(layer(s, "fc3", "linear").receptive_field[1], 32);
  EXPECT_EQ(s.layers.back().output, (Shape{2, 10}));
}

TEST(Summary, ResNets) {
  const Summary s = summary(resnet18({.classes = 1000}), {1, 3, 224, 224});
  EXPECT_EQ(s.parameters, 11689512);
  EXPECT_EQ(s.trainable_parameters, 11689512);
  EXPECT_EQ(s.multiply_adds, 1814073344);  // torchvision publishes 1.814 G
  EXPECT_EQ(layer(s, "layer4.1.conv2", "conv2d").receptive_field[0], 435);  // 7, 11, 43, 99, 211, 435 after the stem's and the stages' last layer
  EXPECT_EQ(layer(s, "layer2.0.downsample.0", "conv2d").output, (Shape{1, 128, 28, 28}));
  EXPECT_EQ(layer(s, "layer1.0.bn1", "batch_norm").parameters, 128);
  int64_t parameters = 0;
  for (const LayerSummary& l : s.layers) parameters += l.parameters;
  EXPECT_EQ(parameters, s.parameters);
  EXPECT_EQ(summary(resnet50({.classes = 1000}), {1, 3, 224, 224}).multiply_adds, 4089184256);  // 4.089 G
}

TEST(Summary, LeavesTheModelAsItIs) {
  Sequential model{Conv2d(3, 4, 3), BatchNorm2d(4), Dropout{.p = 0.5}, relu, Flatten(), Linear(4 * 4 * 4, 2)};
  freeze(model[0]);
  const RandomState random = random_state();
  const Summary s = summary(model, {2, 3, 6, 6});
  EXPECT_EQ(random_state(), random);
  EXPECT_EQ(model[1].as<BatchNorm2d>()->running_var[0].item(), 1);
  EXPECT_TRUE(model[1].as<BatchNorm2d>()->training);
  EXPECT_EQ(s.parameters - s.trainable_parameters, 4 * 27 + 4);
  EXPECT_TRUE(model[5].as<Linear>()->weight.requires_grad());
  EXPECT_FALSE(s.layers.back().output == s.layers.front().output);
}

TEST(Summary, SharedLayersCountTheirParametersOnce) {
  struct Twice {
    Linear a{4, 4};
    Tensor operator()(const Tensor& x) const { return a(a(x)); }
    void fields(Fields& f) { f.child("a", a); }
  };
  const Summary s = summary(Twice(), {3, 4});
  EXPECT_EQ(s.multiply_adds, 2 * 3 * 16);
  EXPECT_EQ(s.layers.front().parameters, 20);
  EXPECT_EQ(s.layers.back().parameters, 0);
}

TEST(Summary, PrintsATable) {
  EXPECT_EQ(to_string(summary(Sequential{Conv2d(1, 4, {3, 1}, {.bias = false}), relu, Flatten(), Linear(4 * 6 * 8, 1000)}, {1, 1, 8, 8})),
            "layer  op          output           parameters  multiply-adds  activation  field\n"
            "--------------------------------------------------------------------------------\n"
            "0      conv2d      f32[1, 4, 6, 8]          12            576       768 B    3x1\n"
            "       relu        f32[1, 4, 6, 8]                                  768 B    3x1\n"
            "       contiguous  f32[1, 4, 6, 8]                                  768 B    3x1\n"
            "       reshape     f32[1, 192]                                       view    3x1\n"
            "3      linear      f32[1, 1000]        193,000        192,000     3.9 KiB    8x8\n"
            "--------------------------------------------------------------------------------\n"
            "total                                  193,012        192,576     6.2 KiB\n"
            "input [1, 1, 8, 8]; 193,012 trainable parameters, 754.0 KiB of parameters\n");
}
