#pragma once
#include "mica/core/tensor.h"

namespace mica {

// The whole state of randomness: every random op draws with (seed, call) and advances call by one.
struct RandomState {
  uint64_t seed = 0, call = 0;
  const uint64_t* varying = nullptr;  // in a recorded step: where the device finds both for each replay
  bool operator==(const RandomState& o) const { return seed == o.seed && call == o.call; }
};
RandomState random_state();
void set_random_state(RandomState state);
void seed(uint64_t value);          // {value, 0}
RandomState next_random_call();     // the state as it was, advanced behind it; for authors of random ops

// New tensors of random values, drawn on the CPU and copied to the device: the same everywhere. Uniform values are multiples of 2^-24 of the
// range (2^-11 in f16, 2^-8 in bf16).
Tensor rand(const Shape& shape, TensorOptions options = {});                                     // uniform in [0, 1)
Tensor uniform(const Shape& shape, double low, double high, TensorOptions options = {});         // in [low, high)
Tensor randn(const Shape& shape, TensorOptions options = {});                                    // normal, mean 0, variance 1
Tensor randint(int64_t low, int64_t high, const Shape& shape, TensorOptions options = {i64});    // in [low, high)
Tensor randperm(int64_t n, TensorOptions options = {i64});                                       // the numbers 0 .. n - 1 in random order

}  // namespace mica
