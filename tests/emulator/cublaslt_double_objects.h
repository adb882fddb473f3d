#pragma once
#include <cublasLt.h>
#include "mica/tests/emulator/library_double.h"
// The descriptors of the double of cuBLASLt.
namespace mica::emulator::lt {

struct Context {};
struct Matmul {
  cublasComputeType_t compute;
  cudaDataType_t scale;
  int32_t pointer_mode = CUBLASLT_POINTER_MODE_HOST, transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N, bias_type = -1;
  uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void *bias = nullptr, *aux = nullptr;
  int64_t aux_ld = 0;
};
struct Layout {
  uint32_t type;
  uint64_t rows, columns;
  int64_t ld, batch_stride = 0;
  int32_t batch = 1;
};
struct Preference {
  uint64_t workspace = 0;
  uint32_t alignment[4] = {256, 256, 256, 256}, reductions = CUBLASLT_REDUCTION_SCHEME_MASK;  // of A, B, C, D
};

Objects<cublasLtContext, Context>& contexts();
Objects<cublasLtMatmulDescOpaque_t, Matmul>& matmuls();
Objects<cublasLtMatrixLayoutOpaque_t, Layout>& layouts();
Objects<cublasLtMatmulPreferenceOpaque_t, Preference>& preferences();

// A product as its descriptors say it.
struct Product {
  Matmul op;
  Layout a, b, c, d;
  int64_t m() const { return int64_t(d.rows); }
  int64_t n() const { return int64_t(d.columns); }
  int64_t k() const { return int64_t(op.transpose_a == CUBLAS_OP_N ? a.columns : a.rows); }
  bool has(uint32_t bit) const { return op.epilogue & bit && op.epilogue != CUBLASLT_EPILOGUE_DEFAULT; }
  bool adds_bias() const { return has(CUBLASLT_EPILOGUE_BIAS); }
  bool bias_gradient() const { return has(16) || has(CUBLASLT_EPILOGUE_BGRADA) || has(CUBLASLT_EPILOGUE_BGRADB); }
  bool uses_aux() const { return has(128); }
  bool relu_aux() const { return uses_aux() && (has(CUBLASLT_EPILOGUE_RELU) || has(8)); }  // a bit mask; otherwise GELU's input
  bool writes_aux() const { return uses_aux() && (has(CUBLASLT_EPILOGUE_RELU) || has(CUBLASLT_EPILOGUE_GELU)); }
};
DType dtype(uint32_t type);  // of a cudaDataType that mica uses; i64 for others
// Whether the descriptors fit each other; reports what does not.
bool consistent(const char* function, const Product& p);
// Whether the documentation lists these types and this epilogue.
bool supported(const Product& p);

cublasStatus_t gone(const char* function);  // reports a handle or descriptor that does not exist

// The library's functions.
cublasStatus_t heuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                         cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference, int most, cublasLtMatmulHeuristicResult_t results[], int* count);
cublasStatus_t matmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void* alpha, const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                      cublasLtMatrixLayout_t b_layout, const void* beta, const void* c, cublasLtMatrixLayout_t c_layout, void* d, cublasLtMatrixLayout_t d_layout,
                      const cublasLtMatmulAlgo_t* algo, void* workspace, size_t workspace_bytes, cudaStream_t stream);

}  // namespace mica::emulator::lt
