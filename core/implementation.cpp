#include "mica/core/implementation.h"
#include <atomic>
#include "mica/core/config.h"
#include "mica/core/error.h"
namespace mica {
namespace {
std::atomic<bool> tf32{false};
}
void set_tf32(bool allowed) { tf32 = allowed; }
bool tf32_allowed() { return tf32; }

#if !MICA_HAS_CUDA
std::vector<std::string> implementations(const std::string&) { return {}; }
void set_implementation(const std::string&, const std::string&) { throw Error("set_implementation: this build has no CUDA"); }
void set_choices(Choices) {}
std::string choices_text() { return {}; }
void load_choices(const std::string&, const std::string&) {}
#endif
}  // namespace mica
