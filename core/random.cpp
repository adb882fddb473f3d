#include "mica/core/random.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <numeric>
#include <vector>
#include "mica/core/kernels.h"
#include "mica/core/philox.h"
#include "mica/core/recorder.h"

namespace mica {
namespace {
std::mutex mutex;
RandomState state;

void needs_float(const char* op, DType dtype) {
  if (!is_float(dtype)) throw Error(std::string(op) + ": needs a float dtype, not " + name_of(dtype));
}
Tensor in(const Tensor& values, TensorOptions options) {
  if (values.dtype() == options.dtype && options.device == cpu) return values;
  const Tensor y = empty(values.shape(), options);
  copy_into(y, values);
  return y;
}
RandomState host_call() {
  cannot_record("draws random numbers on the CPU");
  return next_random_call();
}
// f(block's four words) fills up to four values at a time.
template <class F> Tensor draw(const Shape& shape, TensorOptions options, F f) {
  const Tensor values = empty(shape, {f64});
  const RandomState at = host_call();
  double* v = output<double>(values);
  for (int64_t i = 0, n = values.size(); i < n; i += 4) {
    double four[4];
    f(philox(at.seed, at.call, uint64_t(i) / 4).word, four);
    std::copy_n(four, std::min<int64_t>(4, n - i), v + i);
  }
  return in(values, options);
}
}  // namespace

RandomState random_state() { std::lock_guard lock(mutex); return state; }
void set_random_state(RandomState s) { std::lock_guard lock(mutex); state = s; }
void seed(uint64_t value) { set_random_state({value, 0}); }
RandomState next_random_call() {
  RandomState now;
  {
    std::lock_guard lock(mutex);
    now = state;
    ++state.call;
  }
  if (Recorder* r = recording()) {
    const uint64_t numbers[2] = {now.seed, now.call};
    now.varying = static_cast<const uint64_t*>(r->vary(sizeof numbers, numbers, [](void* to) {
      const RandomState next = next_random_call();
      const uint64_t numbers[2] = {next.seed, next.call};
      std::memcpy(to, numbers, sizeof numbers);
    }));
  }
  return now;
}

Tensor uniform(const Shape& shape, double low, double high, TensorOptions options) {
  needs_float("uniform", options.dtype);
  if (!(low <= high)) throw Error("uniform: low " + std::to_string(low) + " is above high " + std::to_string(high));
  const int digits = options.dtype == f16 ? 11 : options.dtype == bf16 ? 8 : 24;  // what the dtype holds: more would round up to 1
  return draw(shape, options, [=](const uint32_t* word, double* out) {
    for (int j = 0; j < 4; ++j) out[j] = low + (high - low) * std::ldexp(double(word[j] >> (32 - digits)), -digits);
  });
}
Tensor rand(const Shape& shape, TensorOptions options) { return uniform(shape, 0, 1, options); }
Tensor randn(const Shape& shape, TensorOptions options) {  // Box and Muller 1958: two normals from two uniforms
  needs_float("randn", options.dtype);
  return draw(shape, options, [](const uint32_t* word, double* out) {
    for (int j = 0; j < 4; j += 2) {
      const double radius = std::sqrt(-2 * std::log((double(word[j]) + 1) * 0x1p-32)), angle = 6.283185307179586 * 0x1p-32 * double(word[j + 1]);
      out[j] = radius * std::cos(angle);
      out[j + 1] = radius * std::sin(angle);
    }
  });
}
Tensor randint(int64_t low, int64_t high, const Shape& shape, TensorOptions options) {
  if (low >= high) throw Error("randint: [" + std::to_string(low) + ", " + std::to_string(high) + ") is empty");
  const Tensor values = empty(shape, {i64});
  const RandomState at = host_call();
  int64_t* v = output<int64_t>(values);
  for (uint64_t i = 0, n = uint64_t(values.size()); i < n; ++i) {  // 64 bits a value, multiplied into the range: a bias below 2^-32 for ranges below 2^32
    const Philox p = philox(at.seed, at.call, i / 2);
    const uint64_t bits = uint64_t(p.word[i % 2 * 2]) << 32 | p.word[i % 2 * 2 + 1];
    v[i] = int64_t(uint64_t(low) + uint64_t((unsigned __int128)(bits) * (uint64_t(high) - uint64_t(low)) >> 64));
  }
  return in(values, options);
}
Tensor randperm(int64_t n, TensorOptions options) {  // sorted by 64 random bits each; ties by place
  if (n < 0) throw Error("randperm: n is " + std::to_string(n));
  const RandomState at = host_call();
  std::vector<std::pair<uint64_t, int64_t>> keys(static_cast<size_t>(n));
  for (size_t i = 0; i < keys.size(); ++i) {
    const Philox p = philox(at.seed, at.call, i / 2);
    keys[i] = {uint64_t(p.word[i % 2 * 2]) << 32 | p.word[i % 2 * 2 + 1], int64_t(i)};
  }
  std::sort(keys.begin(), keys.end());
  std::vector<int64_t> order(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) order[i] = keys[i].second;
  return from(order, {n}, options);
}

}  // namespace mica
