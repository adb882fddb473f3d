#include <fstream>
#include <sstream>
#include "mica/mica.h"
#include "golden_file.h"
#include "op_case.h"

using namespace mica;
using mica::testing::error_of;

namespace {
struct Published { int64_t parameters = 0; std::vector<std::string> tensors; };  // name and shape of each, in order

// tests/golden/resnet_names.txt, written by tools/golden/resnet_names.py from torchvision.
std::map<std::string, Published> torchvision_models() {
  std::map<std::string, Published> models;
  std::ifstream file(mica::testing::golden_path("resnet_names.txt"));
  Published* model = nullptr;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string first, word;
    words >> first;
    if (line[0] != ' ') { model = &models[first]; words >> model->parameters; continue; }
    while (words >> word) model->tensors.push_back(first + "." + word);
  }
  return models;
}
std::string with_shape(const Field& f) {
  std::string text = f.path + ":";
  for (int64_t n : f.tensor.shape()) text += (text.back() == ':' ? "" : ",") + std::to_string(n);
  return text;
}
Tensor image(int64_t n, const ModelOptions& o) { return randn({n, o.channels, o.height, o.width}); }
}  // namespace

TEST(Models, NamesShapesAndCountsAreTorchvisions) {
  const auto published = torchvision_models();
  ASSERT_EQ(published.size(), 3u);
  for (const auto& [name, expected] : published) {
    const AnyModule model = make_model(name, {.classes = 1000});
    std::vector<std::string> tensors;
    for (const Field& f : fields(model)) tensors.push_back(with_shape(f));
    EXPECT_EQ(tensors, expected.tensors) << name;
    EXPECT_EQ(count_parameters(model), expected.parameters) << name;
  }
  EXPECT_EQ(published.at("resnet18").parameters, 11689512);
  EXPECT_EQ(published.at("resnet34").parameters, 21797672);
  EXPECT_EQ(published.at("resnet50").parameters, 25557032);
}

TEST(Models, ParameterCounts) {
  const ModelOptions mnist{.channels = 1, .height = 28, .width = 28};
  EXPECT_EQ(count_parameters(perceptron(mnist)), 7850);
  EXPECT_EQ(count_parameters(mlp(mnist)), 784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10);
  EXPECT_EQ(count_parameters(lenet5(mnist)), 61706);
  EXPECT_EQ(count_parameters(cnn7(mnist)), 72666);
  EXPECT_EQ(count_parameters(resnet8()), 78042);
  EXPECT_EQ(count_parameters(resnet20()), 272474);  // 0.27 M in He et al. 2015, table 6
  EXPECT_EQ(count_parameters(resnet32()), 466906);  // 0.46 M
  EXPECT_EQ(count_parameters(resnet56()), 855770);  // 0.85 M
}

TEST(Models, LogitsForDigitsMnistAndCifar) {
  seed(1);
  NoGrad no_grad;
  for (const auto& [channels, side] : {std::pair{1, 8}, {1, 28}, {3, 32}}) {
    const ModelOptions o{.classes = 7, .channels = channels, .height = side, .width = side, .cifar_stem = true};
    for (const std::string& name : model_names()) {
      if (name == "resnet34" || name == "resnet50" || name == "resnet56" || (name == "resnet18" && side < 32)) continue;  // slow, and the same code
      const Tensor y = make_model(name, o)(image(2, o));
      EXPECT_EQ(y.shape(), (Shape{2, 7})) << name << " " << side;
      for (double v : y.to_vector<double>()) EXPECT_TRUE(std::isfinite(v)) << name;
    }
  }
  const ModelOptions wide{.channels = 1, .height = 20, .width = 33};
  EXPECT_EQ(lenet5(wide)(image(1, wide)).shape(), (Shape{1, 10}));
}

TEST(Models, EveryParameterGetsAGradient) {
  seed(2);
  const ModelOptions o{.channels = 1, .height = 8, .width = 8};
  for (const char* name : {"perceptron", "mlp", "lenet5", "cnn7", "resnet8"}) {
    const AnyModule model = make_model(name, o);
    cross_entropy(model(image(4, o)), from(std::vector<int64_t>{1, 0, 3, 9})).backward();
    for (const Field& p : named_parameters(model)) {
      ASSERT_TRUE(p.tensor.grad()) << name << " " << p.path;
      EXPECT_GT(norm(p.tensor.grad()).item(), 0) << name << " " << p.path;
    }
  }
}

TEST(Models, ResNetsStartAsTorchvisions) {
  seed(3);
  const ResNet model = resnet18({.cifar_stem = true, .zero_init_residual = true});
  EXPECT_EQ(count_parameters(model), 11173962);  // torchvision's for 10 classes with a 3x3 stem
  auto deviation = [](const Tensor& x) { return std::sqrt(var(x).item()); };
  const State tensors = state(model);
  EXPECT_NEAR(deviation(tensors.at("layer2.0.conv1.weight")), std::sqrt(2.0 / (128 * 9)), 0.001);
  EXPECT_EQ(tensors.at("layer1.1.bn2.weight")[0].item(), 0);
  EXPECT_EQ(tensors.at("layer1.1.bn1.weight")[0].item(), 1);
}

TEST(Models, SameSeedSameWeights) {
  seed(5);
  const State a = state(resnet8());
  seed(5);
  const State b = state(resnet8());
  seed(6);
  const State c = state(resnet8());
  EXPECT_EQ(hash(a), hash(b));
  EXPECT_NE(hash(a), hash(c));
}

TEST(Models, AnUnknownName) {
  EXPECT_EQ(error_of([] { make_model("vgg"); }),
            "there is no model named 'vgg'; the models are perceptron, mlp, lenet5, cnn7, resnet8, resnet20, resnet32, resnet56, resnet18, resnet34, resnet50");
  EXPECT_EQ(error_of([] { lenet5({.height = 3, .width = 8}); }), "lenet5 needs images of at least 4x4, not 3x8");
  EXPECT_EQ(error_of([] { resnet8()(zeros({1, 1, 8, 8})); }).substr(0, 46), "conv2d: weight expects 3 input channels, x has");
}
