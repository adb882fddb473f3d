// A module of one's own: its gradients are right, and it learns.
#include <cstdio>
#include <mica/mica.h>

using namespace mica;

struct Block {
  Conv2d conv{16, 16, 3, {.padding = 1}};
  BatchNorm2d norm{16};
  Tensor operator()(const Tensor& x) const { return relu(norm(conv(x)) + x); }
  void fields(Fields& f) { f.child("conv", conv); f.child("norm", norm); }
};

int main() try {
  const GradientReport report = check_gradient(Block(), {rand({2, 16, 4, 3}) + 0.5});
  std::printf("%s\n", report.text.c_str());
  if (!report) return 1;

  Sequential model{Conv2d(1, 16, 3), Block(), Block(), GlobalAvgPool2d{}, Linear(16, 2)};
  for (const Field& parameter : named_parameters(model)) std::printf("  %s %s\n", parameter.path.c_str(), describe(parameter.tensor).c_str());
  const Tensor images = randn({64, 1, 7, 7}), labels = cast(mean(images, {.dims = {1, 2, 3}}) > 0, i64);
  Sgd sgd(parameters(model), {.momentum = 0.9});
  double first = 0, last = 0;
  for (int step = 0; step < 60; ++step) {
    Tensor loss = cross_entropy(model(images), labels);
    loss.backward();
    sgd.step(0.05);
    sgd.zero_grad();
    last = loss.item();
    if (step == 0) first = last;
  }
  std::printf("loss %.3f -> %.3f\n", first, last);
  return last < first / 4 ? 0 : 1;
} catch (const mica::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
