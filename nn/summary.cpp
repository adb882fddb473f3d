#include "mica/nn/summary.h"
#include <map>
#include <ostream>
#include "mica/core/autograd_internal.h"
#include "mica/core/observer.h"
#include "mica/core/ops/contiguous.h"

namespace mica {
namespace {
// Of a tensor on the way from the input: what one of its positions sees, how far two neighbours' windows are apart, and how many there are.
struct Sight {
  int64_t field[2] = {1, 1}, jump[2] = {1, 1}, positions[2] = {1, 1};
};

class Watch : public Observer {
 public:
  Watch(const std::vector<Field>& fields, const Tensor& x, Summary& summary) : summary_(summary) {
    for (const Field& f : fields) {
      if (f.kind != Fields::is_parameter) continue;
      summary.parameters += f.tensor.size();
      summary.parameter_bytes += int64_t(f.tensor.bytes());
      if (f.tensor.requires_grad()) summary.trainable_parameters += f.tensor.size();
      unused_.emplace(&f.tensor.body(), f.tensor.size());
    }
    Sight sight;
    if (x.rank() == 4) for (int d : {0, 1}) sight.positions[d] = x.shape()[2 + d];
    sights_[number(x)] = sight;
  }
  void ran(const Call& call) override {
    const Work work = call.work();
    Sight sight;
    for (const Tensor& x : call.x) {
      if (!x) continue;
      const auto found = sights_.find(number(x));
      if (found == sights_.end()) continue;
      for (int d : {0, 1}) {
        sight.field[d] = std::max(sight.field[d], found->second.field[d]);
        sight.jump[d] = std::max(sight.jump[d], found->second.jump[d]);
        sight.positions[d] = std::max(sight.positions[d], found->second.positions[d]);
      }
    }
    LayerSummary layer{.path = module_path(call), .op = call.info.name, .output = call.y[0].shape(), .dtype = call.y[0].dtype(), .multiply_adds = work.multiply_adds};
    for (int d : {0, 1}) {
      sight.field[d] += ((work.window[d] ? work.window[d] : sight.positions[d]) - 1) * sight.jump[d];
      sight.jump[d] *= work.stride[d];
      if (work.window[d] == 0) sight.positions[d] = 1;
      if (layer.output.rank() == 4) sight.positions[d] = layer.output[2 + d];
      layer.receptive_field[d] = sight.field[d];
    }
    for (const Tensor& y : call.y) {
      sights_[number(y)] = sight;
      if (!call.info.is_view) layer.activation_bytes += int64_t(y.bytes());
    }
    for (const Tensor& x : call.x) {
      if (!x) continue;
      if (const auto found = unused_.find(&x.body()); found != unused_.end()) {
        layer.parameters += found->second;
        unused_.erase(found);
      }
    }
    summary_.multiply_adds += layer.multiply_adds;
    summary_.activation_bytes += layer.activation_bytes;
    summary_.layers.push_back(std::move(layer));
  }

 private:
  static uint64_t number(const Tensor& x) { return x.body().storage->version; }  // no other storage has it, and views share it
  Summary& summary_;
  std::unordered_map<const Body*, int64_t> unused_;
  std::map<uint64_t, Sight> sights_;
};

std::string grouped(int64_t n) {  // 11,689,512
  std::string digits = std::to_string(n);
  for (int i = int(digits.size()) - 3; i > 0; i -= 3) digits.insert(size_t(i), ",");
  return digits;
}
std::string in_bytes(int64_t n) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = double(n);
  int unit = 0;
  for (; value >= 1024 && unit < 4; ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
  return text;
}
}  // namespace

Summary detail::summary(const std::vector<Field>& fields, const std::function<Tensor(const Tensor&)>& model, const Shape& input, std::optional<DType> dtype) {
  TensorOptions options;
  if (!fields.empty()) options = {fields[0].tensor.dtype(), fields[0].tensor.device()};
  Tensor x = zeros(input, {dtype.value_or(options.dtype), options.device});
  if (x.rank() == 4) x = contiguous(x, Layout::channels_last);  // as batches come
  Summary result{.input = input, .layers = {}};
  NoGrad no_grad;
  Watch watch(fields, x, result);
  model(x);
  return result;
}

std::string to_string(const Summary& s) {
  std::vector<std::vector<std::string>> rows{{"layer", "op", "output", "parameters", "multiply-adds", "activation", "field"}};
  for (const LayerSummary& l : s.layers)
    rows.push_back({l.path, l.op, std::string(name_of(l.dtype)) + to_string(l.output), l.parameters ? grouped(l.parameters) : "", l.multiply_adds ? grouped(l.multiply_adds) : "",
                    l.activation_bytes ? in_bytes(l.activation_bytes) : "view", std::to_string(l.receptive_field[0]) + "x" + std::to_string(l.receptive_field[1])});
  rows.push_back({"total", "", "", grouped(s.parameters), grouped(s.multiply_adds), in_bytes(s.activation_bytes), ""});
  std::vector<size_t> width(rows[0].size());
  for (auto& row : rows) for (size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  std::string text;
  auto line = [&](const std::vector<std::string>& row) {
    std::string cells;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string space(width[i] - row[i].size(), ' ');
      cells += (i ? "  " : "") + (i < 3 ? row[i] + space : space + row[i]);  // names to the left, numbers to the right
    }
    text += cells.substr(0, cells.find_last_not_of(' ') + 1) + "\n";
  };
  size_t total = 2 * (width.size() - 1);
  for (size_t w : width) total += w;
  const std::string rule = std::string(total, '-') + "\n";
  line(rows.front());
  text += rule;
  for (size_t i = 1; i + 1 < rows.size(); ++i) line(rows[i]);
  text += rule;
  line(rows.back());
  text += "input " + to_string(s.input) + "; " + grouped(s.trainable_parameters) + " trainable parameters, " + in_bytes(s.parameter_bytes) + " of parameters\n";
  return text;
}
std::ostream& operator<<(std::ostream& out, const Summary& summary) { return out << to_string(summary); }

}  // namespace mica
