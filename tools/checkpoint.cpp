#include "mica/tools/checkpoint.h"

#include "mica/core/safetensors.h"
#include "mica/nn/models/make_model.h"
#include "mica/tools/json.h"

namespace mica::tools {
namespace {

Json to_json(const Network& n) {
  return {{"model", n.model}, {"data", n.data}, {"channels", n.channels}, {"height", n.height}, {"width", n.width},
          {"classes", n.classes}, {"mean", n.mean}, {"std", n.std}, {"max_value", n.max_value}, {"precision", n.precision}};
}

Json metadata(const std::map<std::string, std::string>& all, const std::string& key, const std::filesystem::path& file) {
  const auto found = all.find(key);
  if (found == all.end()) throw Error(file.string() + " was not written by mica train: its metadata has no " + key);
  Json json = Json::parse(found->second, nullptr, false);
  if (json.is_discarded()) throw Error(file.string() + ": the metadata " + key + " is damaged");
  return json;
}

// Calls read(json) and turns the JSON library's complaints into an Error.
template <class F> void reading(const std::filesystem::path& file, F read) {
  try { read(); } catch (const Json::exception& e) { throw Error(file.string() + ": its metadata is not as mica train writes it (" + e.what() + ")"); }
}

std::map<std::string, Tensor> with_prefix(const std::map<std::string, Tensor>& all, const std::string& prefix) {
  std::map<std::string, Tensor> part;
  for (const auto& [name, tensor] : all) if (name.starts_with(prefix)) part[name.substr(prefix.size())] = tensor;
  return part;
}

}  // namespace

AnyModule make_network(const Network& n) {
  AnyModule model = make_model(n.model, {.classes = static_cast<int>(n.classes.size()), .channels = n.channels, .height = n.height, .width = n.width});
  to(model, precision_of(n));
  return model;
}

DType precision_of(const Network& n) {
  if (n.precision == "tf32") return f32;
  for (const DType t : {f32, bf16, f16}) if (n.precision == name_of(t)) return t;
  throw Error("there is no precision named '" + n.precision + "'; there are f32, tf32, bf16 and f16");
}

Network network_for(const std::string& model, const std::string& data, const ImageDataset& images) {
  return {model, data, static_cast<int>(images.channels()), static_cast<int>(images.height()), static_cast<int>(images.width()),
          images.classes(), images.options().mean, images.options().std, images.options().max_value};
}

void save_checkpoint(const std::filesystem::path& file, const AnyModule& model, const Network& network) {
  save(model, file.string(), {{"mica", to_json(network).dump()}});
}

std::pair<AnyModule, Network> load_checkpoint(const std::filesystem::path& file) {
  const Safetensors read = load_safetensors(file.string());
  const Json json = metadata(read.metadata, "mica", file);
  Network n;
  reading(file, [&] {
    json.at("model").get_to(n.model); json.at("data").get_to(n.data); json.at("channels").get_to(n.channels); json.at("height").get_to(n.height);
    json.at("width").get_to(n.width); json.at("classes").get_to(n.classes); json.at("mean").get_to(n.mean); json.at("std").get_to(n.std);
    json.at("max_value").get_to(n.max_value);
    n.precision = json.value("precision", n.precision);
  });
  if (n.channels < 1 || n.height < 1 || n.width < 1 || n.classes.empty() || n.mean.size() != static_cast<std::size_t>(n.channels) || n.std.size() != n.mean.size())
    throw Error(file.string() + ": its metadata does not describe images");
  AnyModule model = make_network(n);
  try { load(model, read.tensors); } catch (const Error& e) { throw Error(file.string() + ": " + e.what()); }
  set_training(model, false);
  return {std::move(model), std::move(n)};
}

void save_state(const std::filesystem::path& file, const AnyModule& model, const Optimizer& optimizer, const Ema* ema, const Progressed& p) {
  std::map<std::string, Tensor> all;
  for (const auto& [name, tensor] : state(model)) all["model." + name] = tensor;
  for (const auto& [name, tensor] : optimizer.state()) all["optimizer." + name] = tensor;
  if (ema) for (std::size_t i = 0; i < ema->averages().size(); ++i) all["ema." + std::to_string(i)] = ema->averages()[i];
  const Json json = {{"epoch", p.epoch}, {"batch", p.batch}, {"step", p.step}, {"loss_sum", p.loss_sum}, {"images", p.images},
                     {"training_seconds", p.training_seconds}, {"seconds", p.seconds}, {"images_in_all", p.images_in_all}, {"rate", p.rate},
                     {"plateau_best", json_number(p.plateau_best)}, {"plateau_bad", p.plateau_bad}, {"loss_scale", p.loss_scale.scale}, {"loss_scale_steps", p.loss_scale.steps}, {"seed", p.random.seed}, {"call", p.random.call}};
  save_safetensors(file.string(), all, {{"mica_state", json.dump()}});
}

Progressed load_state(const std::filesystem::path& file, AnyModule& model, Optimizer& optimizer, Ema* ema) {
  const Safetensors read = load_safetensors(file.string());
  const Json json = metadata(read.metadata, "mica_state", file);
  Progressed p;
  reading(file, [&] {
    json.at("epoch").get_to(p.epoch); json.at("batch").get_to(p.batch); json.at("step").get_to(p.step); json.at("loss_sum").get_to(p.loss_sum);
    json.at("images").get_to(p.images); json.at("training_seconds").get_to(p.training_seconds); json.at("seconds").get_to(p.seconds);
    json.at("images_in_all").get_to(p.images_in_all); json.at("rate").get_to(p.rate); json.at("plateau_bad").get_to(p.plateau_bad);
    p.plateau_best = json.at("plateau_best").is_null() ? HUGE_VAL : json.at("plateau_best").get<double>();
    json.at("loss_scale").get_to(p.loss_scale.scale); json.at("loss_scale_steps").get_to(p.loss_scale.steps);
    json.at("seed").get_to(p.random.seed); json.at("call").get_to(p.random.call);
  });
  try {
    load(model, with_prefix(read.tensors, "model."));
    optimizer.load_state(with_prefix(read.tensors, "optimizer."));
    if (ema) {
      NoGrad no_grad;
      for (std::size_t i = 0; i < ema->averages().size(); ++i) {
        const auto found = read.tensors.find("ema." + std::to_string(i));
        if (found == read.tensors.end()) throw Error("it has no averaged weights: the run had no --ema");
        copy(found->second, ema->averages()[i]);
      }
    }
  } catch (const Error& e) { throw Error(file.string() + ": " + e.what()); }
  return p;
}

}  // namespace mica::tools
