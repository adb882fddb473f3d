#pragma once
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "mica/tools/options.h"

namespace mica::tools {

// What the program can do. A command without a function does not exist: not in the help either. Each returns the exit code.
struct Commands {
  std::function<int(const TrainOptions&)> train = {};
  std::function<int(const EvalOptions&)> eval = {};
  std::function<int(const PredictOptions&)> predict = {};
  std::function<int()> info = {};
  std::function<int(const SummaryOptions&)> summary = {};
  std::function<int(const BenchOptions&)> bench = {};
  std::vector<std::string> models = {};   // names that --model takes; empty: not checked
  std::string version = "";
};

// Reads the command line (without the program's name), runs the command and returns the program's exit code: that of the command; 0 after --help
// and --version; 2 for a mistake in the command line, with one line on `err` that names the closest flag; 1 when the command throws, with its text.
// `mica train --resume FOLDER` starts from the options in FOLDER/config.json; flags beside it win.
int run_program(const std::vector<std::string>& arguments, const Commands& commands, std::ostream& out, std::ostream& err);

}  // namespace mica::tools
