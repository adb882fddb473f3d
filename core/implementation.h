#pragma once
#include <string>
#include <vector>
// Several ops have more than one implementation on a GPU: "mica", our own kernels, beside "cudnn" or "cublaslt", NVIDIA's. By default the fastest
// deterministic one for a call's sizes is measured at the first such call, and remembered: in the process, and on disk for this GPU, driver and
// libraries. Nothing here concerns the CPU.
namespace mica {

// What set_implementation takes for an op, mica first; empty for an op that has one implementation only.
std::vector<std::string> implementations(const std::string& op);
// All calls of the op take this implementation from now on; "" goes back to measuring. Where it does not support a call, that call throws Error.
// Throws Error for an unknown op or name. MICA_CUDA_IMPLEMENTATION=conv2d=mica,linear=cublaslt in the environment sets it at the start.
void set_implementation(const std::string& op, const std::string& name);

// measured: as above. fixed: never timed, so that two runs choose alike: the library's implementation of products and convolutions, mica's kernels for
// the rest, and the other one where the first does not support a call. mica, libraries: the same, but that one first for every op. The emulated device
// measures nothing: its default is fixed. MICA_CUDA_CHOICES in the environment sets it at the start.
enum class Choices { measured, fixed, mica, libraries };
void set_choices(Choices choices);

// What was chosen so far, as text, one line for each op and sizes; and choices of an earlier run (a line that does not parse is an IoError).
// Both are for resuming a run with the kernels it began with.
std::string choices_text();
void load_choices(const std::string& text);

}  // namespace mica
