#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mica::tools {

// Named values in the order in which a reader meets them: a run's configuration, versions, machine.
using Setting = std::variant<bool, std::int64_t, double, std::string>;
using Settings = std::vector<std::pair<std::string, Setting>>;

// The value as text: "yes", "no", shortest digits, or the string itself.
std::string setting_text(const Setting& value);

// A JSON object, one line per entry. NaN and infinities become null, which is all JSON has for them.
std::string to_json(const Settings& settings);

// Reads what to_json writes: an object of booleans, numbers, strings and nulls (NaN). Throws Error, naming `source`, on anything else.
Settings settings_from_json(std::string_view text, std::string_view source);

}  // namespace mica::tools
