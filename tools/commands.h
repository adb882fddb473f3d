#pragma once
#include <iosfwd>

#include "mica/data/image_sets.h"
#include "mica/tools/options.h"

namespace mica::tools {

// The commands of the program; each returns its exit code and throws Error for what the user can mend.
int train(const TrainOptions& options);
int eval(const EvalOptions& options);
int predict(const PredictOptions& options);
int summary(const SummaryOptions& options);
int info();
int bench(const BenchOptions& options);  // bench_without_times where a device was the emulated one; 1 where an op failed
inline constexpr int bench_without_times = 3;

// digits, mnist, fashion-mnist, or a folder of IDX files.
ImageSets image_sets(const std::string& name);

// What this build and machine are, in the order in which people read it.
Settings versions();
Settings machine();

}  // namespace mica::tools
