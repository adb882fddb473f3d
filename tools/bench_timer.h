#pragma once
#include <functional>

#include "mica/core/device.h"
#include "mica/core/dtype.h"

namespace mica::tools {

// What is computed in: tensors of the dtype; with tf32, of f32 whose products may be rounded to TF32 (core/implementation.h), which only a GPU has.
struct BenchType {
  BenchType(DType t = f32, bool with_tf32 = false) : dtype(t), tf32(with_tf32) {}
  const char* name() const { return tf32 ? "tf32" : name_of(dtype); }
  auto operator<=>(const BenchType&) const = default;
  DType dtype;
  bool tf32;
};

// Allows TF32, or does not, while it lives.
class Tf32 {
 public:
  explicit Tf32(bool allowed);
  ~Tf32();
  Tf32(const Tf32&) = delete;
  Tf32& operator=(const Tf32&) = delete;

 private:
  bool before_;
};

// The time of one call: the median over `rounds` batches of `calls` calls, each batch of about 10 ms or more. A call is made at least twice
// before. On a GPU the host waits once a batch. Caches are warm. 5 rounds or more where they fit into `budget` seconds, and as many as do, but one.
// After Ctrl-C it returns what it has, rounds = 0 if nothing.
struct Timing {
  double seconds = 0;
  int rounds = 0, calls = 0;
};
Timing time_of(const std::function<void()>& call, Device device, double budget);

// What a device can do, measured now: the fastest of several rounds.
struct CopySpeed { double bytes_per_second = 0; };              // reads and writes of a copy of 256 MiB
struct ArithmeticPeak {
  double flops = 0;                                              // a multiply-add counts as two
  const char* of = "";                                           // "matrix product" or "fused multiply-adds"
};
CopySpeed copy_speed(Device device, double budget);
// A product of two square matrices of the type; on the CPU in f32 and f64 also fused multiply-adds in registers, whichever is faster. Where the CPU
// computes 16 bits through f32, f32's peak counts, if it is the higher.
ArithmeticPeak arithmetic_peak(Device device, BenchType type, double budget);

// Fused multiply-adds (or multiplications and additions, before AVX2) per second, times two, of all `threads` together, f32 or f64, in registers.
double fused_multiply_add_peak(DType dtype, int threads, double seconds);

}  // namespace mica::tools
