#include "mica/tools/settings.h"

#include <cmath>
#include <limits>

#include "mica/core/error.h"
#include "mica/tools/json.h"
#include "mica/tools/text.h"

namespace mica::tools {

std::string setting_text(const Setting& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "yes" : "no";
  if (const auto* n = std::get_if<std::int64_t>(&value)) return std::to_string(*n);
  if (const auto* x = std::get_if<double>(&value)) return shortest(*x);
  return std::get<std::string>(value);
}

Json json_number(double value) {
  if (!std::isfinite(value)) return nullptr;
  const std::string digits = shortest(value);
  const double shown = std::strtod(digits.c_str(), nullptr);  // 0.1f is written 0.1, not 0.10000000149011612
  return std::isfinite(shown) ? shown : value;
}

Json json_object(const Settings& settings) {
  Json object = Json::object();
  for (const auto& [name, value] : settings)
    std::visit([&, &name = name](const auto& v) {
      if constexpr (std::is_same_v<std::decay_t<decltype(v)>, double>) object[name] = json_number(v);
      else object[name] = v;
    }, value);
  return object;
}

std::string json_text(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

std::string to_json(const Settings& settings) { return json_text(json_object(settings)); }

Settings settings_from_json(std::string_view text, std::string_view source) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) throw Error(std::string(source) + " is not a JSON object");
  Settings settings;
  for (const auto& [name, value] : json.items()) {
    if (value.is_boolean()) settings.emplace_back(name, value.get<bool>());
    else if (value.is_number_integer()) settings.emplace_back(name, value.get<std::int64_t>());
    else if (value.is_number()) settings.emplace_back(name, value.get<double>());
    else if (value.is_string()) settings.emplace_back(name, value.get<std::string>());
    else if (value.is_null()) settings.emplace_back(name, std::numeric_limits<double>::quiet_NaN());
    else throw Error(std::string(source) + ": " + name + " is neither a number nor a text nor true or false");
  }
  return settings;
}

}  // namespace mica::tools
