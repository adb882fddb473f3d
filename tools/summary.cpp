// mica summary: what a network is made of.
#include "mica/nn/summary.h"

#include <iostream>

#include "mica/nn/models/make_model.h"
#include "mica/tools/commands.h"

namespace mica::tools {

int summary(const SummaryOptions& o) {
  const auto [channels, height, width] = parse_input(o.input);
  const AnyModule model = make_model(o.model, {.classes = o.classes, .channels = channels, .height = height, .width = width});
  std::cout << o.model << "\n\n" << mica::summary(model, {o.batch, channels, height, width}) << std::flush;
  return 0;
}

}  // namespace mica::tools
