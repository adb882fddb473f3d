#pragma once
#include "mica/cuda/cudnn_table.h"
namespace mica::emulator {

// cuDNN's function API on the emulated device, for channels-last data. Calls are counted, and made to fail, as those of the runtime (runtime.h), under
// the library's names. Some algorithms that are listed for a convolution answer CUDNN_STATUS_NOT_SUPPORTED when they are used: with tensor cores
// IMPLICIT_GEMM forward and ALGO_1 for data gradients, and always ALGO_0 for data gradients. Those that the documentation calls non-deterministic are.
Cudnn cudnn_double();

}  // namespace mica::emulator
