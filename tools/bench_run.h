#pragma once
#include <map>
#include <optional>

#include "mica/tools/bench_cases.h"
#include "mica/tools/bench_timer.h"

namespace mica::tools {

// One pass of a case by one implementation.
struct BenchRow {
  Pass pass = Pass::forward;
  BenchType type = {};
  Device device = cpu;
  std::string implementation = "", sizes = "";  // mica, cudnn, cublaslt, onednn+mica, reference; "[64, 64, 56, 56] [64, 64, 3, 3]"
  Timing time = {};                        // rounds = 0: not measured
  double bytes = 0, operations = 0;   // that a call must move and do, a multiply-add counted twice; operations = 0: not counted
  double error = 0;                   // the largest difference from float64 on the CPU, at the case's small size, in units of the largest value; NaN: not taken
  std::string problem = "";           // why there is nothing of the above
  bool failed = false;                // and that this is a fault, not merely a size or dtype that the implementation does not have
};

struct BenchSettings {
  std::vector<Device> devices;        // the CPU first
  std::vector<BenchType> types;
  double budget = 0.5;                // seconds for each measurement
  bool small = false;                 // time the small sizes
};

// Whether times on that device say something: not on the emulated one.
bool has_times(Device device);

// Runs the case on every device, in every type, by every implementation, and on the CPU by the float64 reference, at its small size. Calls `done`
// for each row. Has TF32 only where it can change something: convolutions and products by cuDNN and cuBLASLt. Stops after Ctrl-C. An implementation that throws gives a row with a problem, and the next one goes on.
void run_case(const BenchCase& c, const BenchSettings& settings, const std::function<void(const BenchRow&)>& done);

}  // namespace mica::tools
