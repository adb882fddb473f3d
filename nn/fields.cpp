#include "mica/nn/fields.h"
#include <unordered_map>
#include <unordered_set>
#include "mica/core/autograd_internal.h"

namespace mica {

std::vector<Field> collect_fields(const std::function<void(Fields&)>& walk) {
  std::vector<Field> result;
  std::unordered_map<const Body*, size_t> known;
  std::unordered_set<std::string> names;
  Fields f({.tensor = [&](const std::string& path, Tensor& t, Fields::Kind kind) {
    if (!names.insert(path).second) throw Error("fields: two tensors of the model are named " + path);
    const auto [at, fresh] = known.try_emplace(&t.body(), result.size());
    if (!fresh) { result[at->second].also.push_back(path); return; }
    if (std::string& own = leaf_of(t).path; path.size() > own.size()) own = path;
    result.push_back({path, t, kind, {}});
  }});
  walk(f);
  return result;
}

}  // namespace mica
