#include "mica/nn/models/make_model.h"
#include "mica/nn/models/cnn7.h"
#include "mica/nn/models/lenet5.h"
#include "mica/nn/models/mlp.h"
#include "mica/nn/models/perceptron.h"
#include "mica/nn/models/resnet.h"

namespace mica {
namespace {
struct Entry {
  const char* name;
  AnyModule (*make)(const ModelOptions&);
};
template <auto make> constexpr auto any = [](const ModelOptions& o) -> AnyModule { return make(o); };
constexpr Entry entries[] = {
    {"perceptron", any<perceptron>}, {"mlp", any<mlp>}, {"lenet5", any<lenet5>}, {"cnn7", any<cnn7>},
    {"resnet8", any<resnet8>}, {"resnet20", any<resnet20>}, {"resnet32", any<resnet32>}, {"resnet56", any<resnet56>},
    {"resnet18", any<resnet18>}, {"resnet34", any<resnet34>}, {"resnet50", any<resnet50>},
};
}  // namespace

AnyModule make_model(std::string_view name, const ModelOptions& options) {
  std::string known;
  for (const Entry& e : entries) {
    if (e.name == name) return e.make(options);
    known += (known.empty() ? "" : ", ") + std::string(e.name);
  }
  throw Error("there is no model named '" + std::string(name) + "'; the models are " + known);
}
std::vector<std::string> model_names() {
  std::vector<std::string> result;
  for (const Entry& e : entries) result.push_back(e.name);
  return result;
}

}  // namespace mica
