#include "mica/core/log.h"
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>

namespace mica {
namespace {
constexpr std::string_view names[] = {"debug", "info", "warn", "error", "off"};
constexpr spdlog::level::level_enum spdlog_levels[] = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err};

struct State {  // made by the first message or setting, never destroyed: other threads may log while the program ends
  std::atomic<LogLevel> level{LogLevel::warn};
  std::recursive_mutex mutex;
  std::shared_ptr<const std::function<void(LogLevel, std::string_view)>> callback;
  std::unique_ptr<spdlog::logger> to_stderr;

  void write(LogLevel at, std::string_view text) {
    std::lock_guard lock(mutex);
    if (const auto taken = callback) {  // a copy: it may exchange itself
      try { (*taken)(at, text); } catch (...) {}
      return;
    }
    if (!to_stderr) {  // not in spdlog's registry, which is the host program's
      to_stderr = std::make_unique<spdlog::logger>("mica", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
      to_stderr->set_level(spdlog::level::debug);
      to_stderr->set_pattern("mica %^%l%$: %v");
      to_stderr->flush_on(spdlog::level::debug);
    }
    to_stderr->log(spdlog_levels[size_t(at)], spdlog::string_view_t(text.data(), text.size()));
  }
  State() {
    const char* wanted = std::getenv("MICA_LOG");
    if (!wanted || !*wanted) return;
    for (size_t i = 0; i < std::size(names); ++i) if (wanted == names[i]) { level = LogLevel(i); return; }
    write(LogLevel::warn, std::string("MICA_LOG is '") + wanted + "'; it takes debug, info, warn, error or off");
  }
};
State& state() { static State& s = *new State; return s; }
void log_at(LogLevel at, std::string_view text) {
  State& s = state();
  if (at >= s.level.load(std::memory_order_relaxed)) s.write(at, text);
}
}  // namespace

void log_debug(std::string_view text) { log_at(LogLevel::debug, text); }
void log_info(std::string_view text) { log_at(LogLevel::info, text); }
void log_warn(std::string_view text) { log_at(LogLevel::warn, text); }
void log_error(std::string_view text) { log_at(LogLevel::error, text); }

LogLevel log_level() { return state().level; }
void set_log_level(LogLevel level) { state().level = level; }
void set_log_callback(std::function<void(LogLevel, std::string_view)> callback) {
  State& s = state();
  std::lock_guard lock(s.mutex);
  s.callback = callback ? std::make_shared<const std::function<void(LogLevel, std::string_view)>>(std::move(callback)) : nullptr;
}

}  // namespace mica
