#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include "mica/core/error.h"
#include "mica/core/ops/contiguous.h"
#include "mica/core/ops/cross_entropy.h"
#include "mica/core/ops/pointwise.h"
#include "mica/core/random.h"
#include "mica/core/stream.h"
#include "mica/cpu/parallel.h"
#include "mica/nn/models/make_model.h"
#include "mica/nn/module.h"
#include "mica/optim/optimizer.h"
// mica's side of tools/compare_pytorch.py and compare_pytorch_gpu.py. Reads one request a line from stdin and answers each with one line of JSON:
//
//   threads N                    {}
//   train MODEL BATCH STEPS [bf16|f16] [cuda]   {"ms": [of each step]}   forward, loss, backward, SGD with momentum, zero_grad
//   infer MODEL BATCH STEPS [bf16|f16] [cuda]   {"ms": [of each pass]}   on cuda one number, the mean of all: the host waits at the end only
//   add TIMES [cuda], add_backward TIMES [cuda] {"ns": of one}           on cuda the host's time, without the wait for the device
//   memory MODEL BATCH STEPS     {"bytes": growth of the peak of resident memory since the program's start}
//
// `mica_peer start` makes one tensor and exits.
using namespace mica;
using Clock = std::chrono::steady_clock;

namespace {
double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

ModelOptions options_of(const std::string& model) {
  if (model == "mlp" || model == "lenet5" || model == "cnn7") return {.channels = 1, .height = 28, .width = 28};
  if (model == "resnet18_cifar") return {.cifar_stem = true};
  if (model == "resnet18" || model == "resnet50") return {.classes = 1000, .height = 224, .width = 224};
  return {};
}

struct Job {
  AnyModule model;
  Tensor images, labels;
  Sgd sgd;
  Job(const std::string& name, int64_t batch, DType compute, Device device)
      : model(make_model(name.substr(0, name.find('_')), options_of(name))), sgd(parameters(model), {.momentum = 0.9}) {
    const ModelOptions o = options_of(name);
    to(model, device, compute);
    images = to(contiguous(randn({batch, o.channels, o.height, o.width}), Layout::channels_last), device);  // as PyTorch has them in its format
    std::vector<int64_t> classes(static_cast<size_t>(batch));
    for (size_t i = 0; i < classes.size(); ++i) classes[i] = int64_t(i) % o.classes;
    labels = to(from(classes), device);
  }
  void train() {
    Tensor loss = cross_entropy(model(images), labels);
    loss.backward();
    sgd.step(0.01);
    sgd.zero_grad();
  }
  void infer() {
    NoGrad no_grad;
    model(images);
  }
};

// Milliseconds of each step. A job is kept from its first request to the next one of another kind.
std::string run(const std::string& kind, const std::string& name, int64_t batch, int steps, DType compute, Device device) {
  static std::string held;
  static std::unique_ptr<Job> job;
  if (const std::string key = kind + name + std::to_string(batch) + name_of(compute) + to_string(device); key != held) {
    job.reset();
    job = std::make_unique<Job>(name, batch, compute, device);
    set_training(job->model, kind == "train");
    held = key;
  }
  std::ostringstream out;
  out << "{\"ms\": [";
  const auto step = [&] { if (kind == "train") job->train(); else job->infer(); };
  if (device != cpu) {
    synchronize(device);
    const auto start = Clock::now();
    for (int i = 0; i < steps; ++i) step();
    synchronize(device);
    out << ms_since(start) / steps;
  } else {
    for (int i = 0; i < steps; ++i) {
      const auto start = Clock::now();
      step();
      out << (i ? ", " : "") << ms_since(start);
    }
  }
  out << "]}";
  return out.str();
}

// Nanoseconds of one addition of one element, or of one with its share of a backward pass over a chain of 1,000.
double addition(bool backward, int times, Device device) {
  const Tensor x = ones({1}, {f32, device}), w = ones({1}, {f32, device}).set_requires_grad();
  if (device != cpu) synchronize(device);
  const auto start = Clock::now();
  if (!backward) {
    for (int i = 0; i < times; ++i) add(x, x);
  } else {
    for (int i = 0; i < times; i += 1000) {
      Tensor y = w;
      for (int j = 0; j < 1000; ++j) y = y + x;
      y.backward();
      w.zero_grad();
    }
  }
  return ms_since(start) * 1e6 / times;
}

int64_t peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  throw Error("there is no VmHWM in /proc/self/status");
}

std::string answer(const std::string& request) {
  static const int64_t at_start = peak_bytes();
  std::istringstream in(request);
  std::string kind, name;
  int64_t batch = 0;
  int count = 0;
  in >> kind;
  if (kind == "start") return "{}";
  if (kind == "threads") { in >> count; set_threads(count); return "{}"; }
  const bool is_add = kind == "add" || kind == "add_backward";
  if (is_add) in >> count; else in >> name >> batch >> count;
  if (!in) throw Error("not understood: " + request);
  DType t = f32;
  Device device = cpu;
  for (std::string word; in >> word;) {
    if (word == "bf16") t = bf16;
    else if (word == "f16") t = f16;
    else if (word == "cuda") device = cuda();
    else throw Error("'" + word + "' is not understood: " + request);
  }
  if (is_add) {
    const double ns = addition(kind != "add", count, device);
    if (device != cpu) synchronize(device);
    return "{\"ns\": " + std::to_string(ns) + "}";
  }
  if (kind == "train" || kind == "infer") return run(kind, name, batch, count, t, device);
  if (kind == "memory") { run("train", name, batch, count, t, device); return "{\"bytes\": " + std::to_string(peak_bytes() - at_start) + "}"; }
  throw Error("not understood: " + request);
}
}  // namespace

int main(int argc, char** argv) try {
  if (argc == 2 && std::string(argv[1]) == "start") return ones({2, 3}).size() == 6 ? 0 : 1;
  answer("start");
  for (std::string line; std::getline(std::cin, line);) std::cout << answer(line) << std::endl;
} catch (const std::exception& e) {
  std::cerr << "mica_peer: " << e.what() << "\n";
  return 1;
}
