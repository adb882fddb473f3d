// Fits y = tanh(a x + b) to points by gradient descent.
#include <cstdio>
#include <mica/mica.h>

using namespace mica;

int main() try {
  Tensor x = tensor({-1.0, -0.5, 0.0, 0.5, 1.0}), y = tanh(x * 2.0 + 0.5);
  Tensor a = zeros({1}).set_requires_grad(), b = zeros({1}).set_requires_grad();
  for (int step = 0; step < 1000; ++step) {
    square(tanh(a * x + b) - y).backward(ones_like(x));
    NoGrad no_grad;
    for (const Tensor& parameter : {a, b}) {
      copy(parameter - parameter.grad() * 0.1, parameter);
      parameter.zero_grad();
    }
  }
  std::printf("a = %.3f, b = %.3f\n", a.item(), b.item());
  return a.item() > 1.99 && a.item() < 2.01 ? 0 : 1;
} catch (const mica::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
