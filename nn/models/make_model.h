#pragma once
#include "mica/nn/any_module.h"
#include "mica/nn/models/options.h"

namespace mica {

// A network by its name (resnet20, lenet5, ...). Throws Error, with the names there are, for another.
AnyModule make_model(std::string_view name, const ModelOptions& options = {});
std::vector<std::string> model_names();  // from the smallest to the largest

}  // namespace mica
