// Trains a small network on the embedded digits, saves it, and has a second one, loaded from the file, read the test set.
#include <cstdio>
#include <mica/mica.h>

using namespace mica;

int main() try {
  const ImageSets set = digits();
  auto network = [] { return Sequential{Flatten{}, Linear(64, 64), relu, LayerNorm({64}), Linear(64, 10)}; };
  Sequential model = network();
  Sgd sgd(parameters(model), {.momentum = 0.9, .weight_decay = 1e-4});
  MeanMetric mean_loss;
  for (int epoch = 0; epoch < 20; ++epoch) {
    mean_loss.reset();
    for (auto [images, labels] : batches(set.train, {.size = 32, .shuffle = true})) {
      Tensor loss = cross_entropy(model(images), labels);
      loss.backward();
      sgd.step(0.05);
      sgd.zero_grad();
      mean_loss.add(loss, labels.size());
    }
  }
  save(model, "consumer.safetensors");

  Sequential other = network();
  load(other, "consumer.safetensors");
  set_training(other, false);
  NoGrad no_grad;
  AccuracyMetric accuracy;
  for (auto [images, labels] : batches(set.test, {.size = 100})) accuracy.add(other(images), labels);
  std::printf("training loss %.4f, %.1f %% of %d test digits\n", mean_loss.value(), 100 * accuracy.value(), int(set.test.size()));
  return mean_loss.value() < 0.05 && accuracy.value() > 0.93 ? 0 : 1;
} catch (const mica::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
