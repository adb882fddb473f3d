#pragma once
#include <functional>
#include <string_view>
// What mica has to say beside results and errors. By default warnings and errors go to stderr; the environment variable MICA_LOG (debug, info,
// warn, error, off) sets another level, and a host program can take everything over. All functions may be called from any thread.
namespace mica {

enum class LogLevel { debug, info, warn, error, off };

void log_debug(std::string_view text);
void log_info(std::string_view text);
void log_warn(std::string_view text);
void log_error(std::string_view text);

LogLevel log_level();
void set_log_level(LogLevel level);  // what is below it is dropped

// From now on `callback` receives each message of the level and above, one at a time, in place of stderr; an empty one restores stderr. It
// may log itself. What it throws is dropped.
void set_log_callback(std::function<void(LogLevel level, std::string_view text)> callback);

}  // namespace mica
