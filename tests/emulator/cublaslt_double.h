#pragma once
#include "mica/cuda/cublaslt_table.h"
namespace mica::emulator {

// cuBLASLt's functions on the emulated device. Calls are counted, and made to fail, as those of the runtime (runtime.h), under the library's names.
// Of the algorithms that the heuristic lists for aligned operands the first fails with CUBLAS_STATUS_NOT_SUPPORTED when it is used.
CublasLt cublaslt_double();

}  // namespace mica::emulator
