#pragma once
#include <source_location>
#include <string>
#include <vector>
// What the emulated device has found wrong.
namespace mica::emulator {

struct Report {
  std::string kind, text;  // kind: "race", "barrier divergence", "out of bounds", ...
};

// Keeps a report, once for each kind and key (a place in the source). Reports nobody takes are printed at the end of the process, which then
// exits with 66.
void report(const char* kind, const std::string& key, const std::string& text);
// The reports since the last call, which are no longer kept.
std::vector<Report> take_reports();

// "softmax.cu:31", from a place the compiler noted, or from an address of machine code (the debug information of the program, read by
// addr2line; of inlined code the innermost place that is not in a header of the emulator or the system).
std::string place(const std::source_location& where);
std::string place(const void* code);

}  // namespace mica::emulator
