#pragma once
#include "mica/cuda/gemm.h"
namespace mica {

// gemm, by our own kernel or by cuBLASLt, whichever was chosen for the op ("linear", "matmul") and these sizes (choice.h).
void chosen_product(const Cuda& on, const char* op, const Gemm& g);

// The product by cuBLASLt; false, and nothing queued, where it has none for these types and strides.
bool library_product(const Cuda& on, const Gemm& g);

}  // namespace mica
