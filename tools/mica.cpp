// The program mica.
#include <iostream>

#include "mica/core/info.h"
#include "mica/nn/models/make_model.h"
#include "mica/tools/commands.h"
#include "mica/tools/program.h"

int main(int argc, char** argv) {
  using namespace mica::tools;
  const Commands commands{.train = train, .eval = eval, .predict = predict, .info = info, .summary = summary, .bench = bench, .models = mica::model_names(),
                          .version = mica::version()};
  return run_program({argv + 1, argv + argc}, commands, std::cout, std::cerr);
}
