#pragma once
#include <gtest/gtest.h>
#include <cmath>
#include <vector>
#include "mica/tests/emulator/library_double.h"
#include "mica/tests/emulator/testing.h"
// What the tests of the libraries' doubles share.
namespace mica::emulator {

// Device memory of n elements of a dtype, NaN at first or from host values that are rounded to it.
class Values {
 public:
  Values(DType type, int64_t n) : type_(type), n_(n), memory_(size_t(n) * bytes_of(type)) {}
  Values(DType type, const std::vector<double>& values) : Values(type, int64_t(values.size())) {
    std::vector<char> host(size_t(n_) * bytes_of(type));
    for (int64_t i = 0; i < n_; ++i) set_element(host.data(), type, i, values[size_t(i)]);
    check(cudaMemcpy(memory_, host.data(), host.size(), cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  void* data() const { return static_cast<char*>(memory_); }
  std::vector<double> host() const {
    const auto bytes = memory_.host();
    return elements(bytes.data(), type_, n_);
  }

 private:
  DType type_;
  int64_t n_;
  DeviceArray<char> memory_;
};

// Multiples of 1/8 between -2 and 2, exact in every dtype; other numbers for another seed.
inline std::vector<double> numbers(int64_t n, int seed = 0) {
  std::vector<double> result(static_cast<size_t>(n));
  uint64_t state = uint64_t(seed) * 2654435761u + 12345;
  for (auto& v : result) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    v = double(int(state >> 33 & 31) - 16) / 8;
  }
  return result;
}

// The double computes in double and rounds once, so `want`, rounded, is what it must store: up to one unit in the last place of the type (the
// order of the sum can move a tie), or `absolute`.
inline void expect_values(const std::vector<double>& got, const std::vector<double>& want, DType type, double absolute = 1e-12) {
  ASSERT_EQ(got.size(), want.size());
  const double eps = type == f64 ? 1e-14 : type == f32 ? 0x1p-23 : type == f16 ? 0x1p-10 : 0x1p-7;
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], rounded(type, want[i]), std::fabs(want[i]) * eps + absolute) << "element " << i << " in " << name_of(type);
}

}  // namespace mica::emulator
