#include "mica/core/implementation.h"
#include "mica/core/config.h"
#include "mica/core/error.h"
#if !MICA_HAS_CUDA
namespace mica {
std::vector<std::string> implementations(const std::string&) { return {}; }
void set_implementation(const std::string&, const std::string&) { throw Error("set_implementation: this build has no CUDA"); }
void set_choices(Choices) {}
std::string choices_text() { return {}; }
void load_choices(const std::string&) {}
}  // namespace mica
#endif
