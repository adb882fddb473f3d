// Learns whether a point of the plane lies inside a circle: a small network, trained in a second.
#include <cstdio>
#include <mica/mica.h>

using namespace mica;

int main() try {
  manual_seed(1);
  Tensor points = rand({1024, 2}) * 2.0 - 1.0;                            // uniform in the square [-1, 1)
  Tensor inside = to(sum(points * points, {1}) < 0.6, i64);               // class 1 inside the circle

  Sequential model{Linear(2, 32), Relu{}, Linear(32, 32), Relu{}, Linear(32, 2)};
  Sgd sgd(parameters(model), {.momentum = 0.9f});
  for (int step = 0; step < 300; ++step) {
    Tensor loss = cross_entropy(model(points), inside);
    loss.backward();
    sgd.step(0.1f);
    sgd.zero_grad();
  }

  NoGrad no_grad;
  double accuracy = mean(to(argmax(model(points), 1) == inside, f32)).item<float>();
  std::printf("accuracy %.3f\n", accuracy);
  return accuracy > 0.97 ? 0 : 1;
} catch (const mica::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
