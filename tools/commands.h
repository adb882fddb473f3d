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

// digits, mnist, fashion-mnist, or a folder of IDX files.
ImageSets image_sets(const std::string& name);

// What this build and machine are, in the order in which people read it.
Settings versions();
Settings machine();

}  // namespace mica::tools
