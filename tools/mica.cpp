// The program mica: train, eval, predict, info, summary, bench.
#include <iostream>

#include "mica/tools/program.h"

int main(int argc, char** argv) {
  mica::tools::Commands commands;
  // TO FILL IN: each command's function and the registry's model names. A command that is not set does not exist for the user.
  //   commands.train = mica::tools::train;  commands.eval = ...;  commands.models = mica::model_names();  commands.version = ...;
  return mica::tools::run_program({argv + 1, argv + argc}, commands, std::cout, std::cerr);
}
