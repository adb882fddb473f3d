#include <iostream>
#include <mica/mica.h>
using namespace mica;

int main() {
  auto digits = mica::digits();
  ResNet model = resnet20({.classes = 10, .channels = 1, .height = 8, .width = 8});
  Sgd sgd(parameters(model), {.momentum = 0.9, .weight_decay = 5e-4});
  for (int epoch = 0; epoch < 10; ++epoch)
    for (auto [images, labels] : batches(digits.train, {.size = 64, .shuffle = true})) {
      Tensor loss = cross_entropy(model(images), labels);
      loss.backward();
      sgd.step(epoch < 8 ? 0.1 : 0.01);
      sgd.zero_grad();
    }
  set_training(model, false);
  AccuracyMetric accuracy;
  for (auto [images, labels] : batches(digits.test, {.size = 64})) accuracy.add(model(images), labels);
  std::cout << "test accuracy: " << accuracy.value() << "\n";
  save(model, "digits.safetensors");
}
