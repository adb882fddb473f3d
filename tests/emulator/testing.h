#pragma once
#include <gtest/gtest.h>
#include <string>
#include <vector>
#include "mica/cuda/launch.h"
#include "mica/tests/emulator/config.h"
#include "mica/tests/emulator/report.h"
// What the emulated device's own tests share.
namespace mica::emulator {

inline const Cuda on;  // the default stream of the device

// "bugs.cu:31": the line of a file in this folder that ends in the comment "// here: MARK".
std::string line_of(const std::string& file, const std::string& mark);

// Takes all reports: there are some, all of this kind, and one of them has all these texts.
testing::AssertionResult caught(const std::string& kind, const std::vector<std::string>& texts);

inline const Order orders[] = {Order::forward, Order::reverse, Order::random};
inline const char* name(Order o) { return o == Order::forward ? "forward" : o == Order::reverse ? "reverse" : "random"; }

// Device memory that goes at the end of the scope.
template <class T> class DeviceArray {
 public:
  explicit DeviceArray(size_t n) : n_(n) { check(cudaMalloc(&p_, n * sizeof(T)), "cudaMalloc"); }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    check(cudaMemcpy(p_, values.data(), n_ * sizeof(T), cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  ~DeviceArray() { cudaFree(p_); }
  DeviceArray(const DeviceArray&) = delete;
  operator T*() const { return p_; }
  std::vector<T> host() const {
    std::vector<T> result(n_);
    check(cudaMemcpy(result.data(), p_, n_ * sizeof(T), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return result;
  }

 private:
  T* p_ = nullptr;
  size_t n_;
};

}  // namespace mica::emulator
