#pragma once
#include "mica/core/tensor.h"
// Initialisers: they write a parameter in place, of any float dtype, device and layout. Random ones take one random call each (core/random.h)
// and are drawn on the CPU in logical order: the same values everywhere (sparse takes two calls). Definitions as in torch.nn.init.
namespace mica::init {

// What a layer's weight connects. Rows [out, in, window...] as linear and convolution have them; throws Error below rank 2.
struct Fans {
  int64_t in, out;  // inputs of one output and outputs of one input, the window's size included
};
Fans fans(const Shape& weight);

enum class Fan { in, out };
enum class Nonlinearity { linear, sigmoid, tanh, relu, leaky_relu, selu };
// By how much the weights before it grow so that the variance stays: relu sqrt(2), leaky_relu sqrt(2 / (1 + slope^2)), tanh 5/3, selu 3/4.
double gain(Nonlinearity nonlinearity, double slope = 0.01);

void zeros(const Tensor& x);
void ones(const Tensor& x);
void constant(const Tensor& x, double value);
void uniform(const Tensor& x, double low = 0, double high = 1);

struct Normal { double mean = 0, deviation = 1; };
void normal(const Tensor& x, Normal options = {});

// Normal, conditioned on [low, high] (values, not deviations), by the inverse of the distribution function.
struct TruncatedNormal { double mean = 0, deviation = 1, low = -2, high = 2; };
void truncated_normal(const Tensor& x, TruncatedNormal options = {});

// Glorot and Bengio 2010: variance gain^2 2 / (fan_in + fan_out).
void xavier_uniform(const Tensor& x, double gain = 1);
void xavier_normal(const Tensor& x, double gain = 1);

// He, Zhang, Ren, Sun 2015: variance gain(nonlinearity, slope)^2 / fan.
struct Kaiming { Fan fan = Fan::in; Nonlinearity nonlinearity = Nonlinearity::relu; double slope = 0; };
void kaiming_uniform(const Tensor& x, Kaiming options = {});
void kaiming_normal(const Tensor& x, Kaiming options = {});

// Saxe, McClelland, Ganguli 2013: x as a matrix [out, the rest] gets orthonormal rows or columns, whichever are fewer, times gain. By QR of a
// normal matrix with the signs of R's diagonal, so that it is uniform over orthogonal matrices.
void orthogonal(const Tensor& x, double gain = 1);

// Martens 2010: in each column of [out, in] a share of the rows, rounded up, is zero and the rest normal.
struct Sparse { double share = 0.9, deviation = 0.01; };
void sparse(const Tensor& x, Sparse options = {});

// How PyTorch starts linear and convolution layers: uniform in +-1 / sqrt(fan_in), weight and bias (which may be undefined).
void as_layer(const Tensor& weight, const Tensor& bias);

double erf_inverse(double y);  // erf(erf_inverse(y)) = y, for y in [-1, 1]

}  // namespace mica::init
