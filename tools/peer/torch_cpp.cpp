#include <ATen/ATen.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
// PyTorch's C++ side of tools/compare_pytorch.py, which builds it against the wheel. Prints nanoseconds; as in mica_peer.cpp:
//   torch_cpp add TIMES            one addition of one element
//   torch_cpp add_backward TIMES   one with its share of a backward pass over a chain of 1,000
//   torch_cpp start                makes one tensor and exits
int main(int argc, char** argv) {
  const std::string kind = argc > 1 ? argv[1] : "";
  if (kind == "start") return at::ones({2, 3}).numel() == 6 ? 0 : 1;
  const int times = argc > 2 ? std::atoi(argv[2]) : 0;
  if ((kind != "add" && kind != "add_backward") || times < 1000) return std::fprintf(stderr, "torch_cpp: start | add TIMES | add_backward TIMES\n"), 1;
  const at::Tensor x = at::ones({1});
  at::Tensor w = at::ones({1}).set_requires_grad(true);
  double best = 1e18;
  for (int round = 0; round < 20; ++round) {
    const auto start = std::chrono::steady_clock::now();
    if (kind == "add") {
      for (int i = 0; i < times; ++i) at::add(x, x);
    } else {
      for (int i = 0; i < times; i += 1000) {
        at::Tensor y = w;
        for (int j = 0; j < 1000; ++j) y = y + x;
        y.backward();
        w.mutable_grad().reset();
      }
    }
    best = std::min(best, std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() / times);
  }
  std::printf("%f\n", best);
}
