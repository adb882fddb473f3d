#pragma once
// Only for .cpp files of tools: JSON through nlohmann's library, keys in the order of insertion.
#include <nlohmann/json.hpp>

#include "mica/tools/settings.h"

namespace mica::tools {

using Json = nlohmann::ordered_json;
Json json_number(double value);                // the shortest digits of the float32; null when not finite
Json json_object(const Settings& settings);
std::string json_text(const Json& json);       // indented, with a line break at the end; what is not UTF-8 becomes U+FFFD

}  // namespace mica::tools
