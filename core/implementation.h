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
// By name conv2d's cudnn also takes float32 parameters' weight gradients from 16-bit operands, which it rounds to 16 bits and which no measurement chooses.
// Throws Error for an unknown op or name. MICA_CUDA_IMPLEMENTATION=conv2d=mica,linear=cublaslt in the environment sets it at the start.
void set_implementation(const std::string& op, const std::string& name);

// measured: as above. fixed: never timed, so that two runs choose alike: the library's implementation of products and convolutions, mica's kernels for
// the rest, and the other one where the first does not support a call. mica, libraries: the same, but that one first for every op. On the emulated device
// nothing is timed: measured is there what was loaded, then fixed. MICA_CUDA_CHOICES in the environment sets it at the start.
enum class Choices { measured, fixed, mica, libraries };
void set_choices(Choices choices);

// What was loaded and chosen so far, as text, one line for each op and sizes.
std::string choices_text();
// Choices of an earlier run, from choices_text(): with `measured`, calls take them before anything is measured, so that a run goes on with the kernels it
// began with. One that does not work here (another GPU or library) is passed over with a warning. They replace what was loaded before; "" forgets it. Throws
// IoError, which names the source and the line, for text that is cut off or something else, and then changes nothing.
void load_choices(const std::string& text, const std::string& source = "load_choices");

// TF32: on a GPU, float32 matrix products and convolutions may round their operands to 10 bits of mantissa, which tensor cores multiply several times as
// fast; results and sums stay float32. Off by default; for the whole process, from the next call on (a recorded step keeps what it was recorded with). It
// permits: whether an implementation uses it depends on the sizes and the GPU, and mica's own kernels never do. Choices are kept apart with and without it.
// Nothing changes on the CPU.
void set_tf32(bool allowed);
bool tf32_allowed();

}  // namespace mica
