// A program with a CUDA stream, buffers and a kernel of its own runs a network of mica's on them. mica copies nothing and waits for nothing: the program
// waits once, for its own stream. Then the same on the CPU, and the largest difference.
#include <cmath>
#include <cstdio>
#include <cuda_runtime.h>
#include <mica/mica.h>
#include <stdexcept>
#include <vector>
#include "pixels.h"

namespace {
constexpr int64_t images = 5, size = 28, classes = 10, count = images * size * size;

void check(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
}
template <class T> T* device_memory(int64_t n) {
  void* p = nullptr;
  check(cudaMalloc(&p, size_t(n) * sizeof(T)));
  return static_cast<T*>(p);
}
}  // namespace

int main() try {
  mica::seed(7);
  mica::LeNet5 reference = mica::lenet5({.classes = classes, .channels = 1, .height = size, .width = size}), network = mica::clone(reference);
  mica::to(network, mica::cuda());

  std::vector<uint8_t> pixels(count);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = uint8_t(i * i % 251);
  std::vector<float> logits(images * classes);

  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  auto* image = device_memory<uint8_t>(count);
  auto *x = device_memory<float>(count), *result = device_memory<float>(images * classes);

  check(cudaMemcpyAsync(image, pixels.data(), pixels.size(), cudaMemcpyHostToDevice, stream));
  to_float(stream, count, image, x);
  {
    mica::OnStream on(stream);
    mica::NoGrad no_grad;
    const mica::Tensor y = network(mica::borrow(x, {images, 1, size, size}, mica::cuda()));
    mica::copy(y, mica::borrow(result, {images, classes}, mica::cuda()));
  }
  check(cudaMemcpyAsync(logits.data(), result, logits.size() * sizeof(float), cudaMemcpyDeviceToHost, stream));
  check(cudaStreamSynchronize(stream));

  mica::NoGrad no_grad;
  const mica::Tensor input = (mica::cast(mica::borrow(pixels.data(), {images, 1, size, size}), mica::f32) - 128) / 64;
  const std::vector<float> expected = reference(input).to_vector<float>();
  double largest = 0, difference = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    largest = std::max(largest, std::abs(double(expected[i])));
    difference = std::max(difference, std::abs(double(logits[i]) - expected[i]));  // NaN is caught below: it is not among the logits of the CPU
    if (std::isnan(logits[i])) difference = INFINITY;
  }
  std::printf("%d images, logits up to %.3f, largest difference from the CPU %.2g\n", int(images), largest, difference);

  for (void* p : {static_cast<void*>(image), static_cast<void*>(x), static_cast<void*>(result)}) check(cudaFree(p));
  check(cudaStreamDestroy(stream));
  return largest > 0.01 && difference <= 1e-5 * largest ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
