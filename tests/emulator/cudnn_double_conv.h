#pragma once
#include "mica/tests/emulator/cudnn_double_objects.h"
// The sums of the double's convolutions.
namespace mica::emulator::dnn {

// A convolution as its descriptors say it. x: [n, h, w, c], y: [n, oh, ow, k].
struct Problem {
  Tensor x, y;
  Filter w;
  Convolution conv;
};

void check_problem(Check& check, const Problem& p);
Problem read(Check& check, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w, cudnnConvolutionDescriptor_t conv, cudnnTensorDescriptor_t y);

// How an algorithm of this convolution differs from the right result.
struct Flaws {
  bool tf32 = false;
  double factor = 1;  // of every result: what another order of a sum does
};
Flaws flaws(const Problem& p, bool deterministic);

std::vector<double> forward(const Problem& p, const void* x, const void* w, const Flaws& f);
std::vector<double> data_gradient(const Problem& p, const void* dy, const void* w, const Flaws& f);
std::vector<double> filter_gradient(const Problem& p, const void* x, const void* dy, const Flaws& f);
void store(void* y, DType type, double alpha, const std::vector<double>& values, double beta);

}  // namespace mica::emulator::dnn
