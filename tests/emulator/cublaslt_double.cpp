#include "mica/tests/emulator/cublaslt_double.h"
#include <cstring>
#include "mica/tests/emulator/cublaslt_double_objects.h"

namespace mica::emulator {
namespace {
using namespace lt;

template <class T> bool take(T& member, const void* value, size_t size) {
  if (!value || size != sizeof(T)) return false;
  std::memcpy(&member, value, sizeof(T));
  return true;
}

cublasStatus_t set(bool known, bool fits, const char* function, int attribute) {
  if (known && fits) return CUBLAS_STATUS_SUCCESS;
  misuse(function, (known ? "a value of the wrong size for attribute " : "the double does not know attribute ") + std::to_string(attribute));
  return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t create(cublasLtHandle_t* handle) {
  return counted<cublasStatus_t>("cublasLtCreate", [&] { return *handle = contexts().create(), CUBLAS_STATUS_SUCCESS; });
}
cublasStatus_t destroy(cublasLtHandle_t handle) {
  return counted<cublasStatus_t>("cublasLtDestroy", [&] { return contexts().destroy(handle) ? CUBLAS_STATUS_SUCCESS : gone("cublasLtDestroy"); });
}
const char* status_name(cublasStatus_t s) {
  switch (s) {
    case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED: return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH: return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR: return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
    default: return "an unknown status";
  }
}
const char* status_string(cublasStatus_t s) { return s == CUBLAS_STATUS_SUCCESS ? "success" : "the double says no more"; }
size_t version() { return CUBLAS_VERSION; }

cublasStatus_t create_matmul(cublasLtMatmulDesc_t* desc, cublasComputeType_t compute, cudaDataType_t scale) {
  return counted<cublasStatus_t>("cublasLtMatmulDescCreate", [&] {
    *desc = matmuls().create();
    matmuls().find(*desc)->compute = compute;
    matmuls().find(*desc)->scale = scale;
    return CUBLAS_STATUS_SUCCESS;
  });
}
cublasStatus_t destroy_matmul(cublasLtMatmulDesc_t desc) {
  return counted<cublasStatus_t>("cublasLtMatmulDescDestroy", [&] { return matmuls().destroy(desc) ? CUBLAS_STATUS_SUCCESS : gone("cublasLtMatmulDescDestroy"); });
}
cublasStatus_t set_matmul(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute, const void* value, size_t size) {
  static const char* const function = "cublasLtMatmulDescSetAttribute";
  return counted<cublasStatus_t>(function, [&] {
    Matmul* const m = matmuls().find(desc);
    if (!m) return gone(function);
    switch (attribute) {
      case CUBLASLT_MATMUL_DESC_POINTER_MODE: return set(true, take(m->pointer_mode, value, size), function, attribute);
      case CUBLASLT_MATMUL_DESC_TRANSA: return set(true, take(m->transpose_a, value, size), function, attribute);
      case CUBLASLT_MATMUL_DESC_TRANSB: return set(true, take(m->transpose_b, value, size), function, attribute);
      case CUBLASLT_MATMUL_DESC_EPILOGUE: return set(true, take(m->epilogue, value, size), function, attribute);
      case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return set(true, take(m->bias, value, size), function, attribute);
      case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE: return set(true, take(m->bias_type, value, size), function, attribute);
      case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER: return set(true, take(m->aux, value, size), function, attribute);
      case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD: return set(true, take(m->aux_ld, value, size), function, attribute);
      default: return set(false, false, function, attribute);
    }
  });
}
cublasStatus_t create_layout(cublasLtMatrixLayout_t* layout, cudaDataType type, uint64_t rows, uint64_t columns, int64_t ld) {
  return counted<cublasStatus_t>("cublasLtMatrixLayoutCreate", [&] {
    *layout = layouts().create();
    *layouts().find(*layout) = {uint32_t(type), rows, columns, ld};
    return CUBLAS_STATUS_SUCCESS;
  });
}
cublasStatus_t destroy_layout(cublasLtMatrixLayout_t layout) {
  return counted<cublasStatus_t>("cublasLtMatrixLayoutDestroy",
                                 [&] { return layouts().destroy(layout) ? CUBLAS_STATUS_SUCCESS : gone("cublasLtMatrixLayoutDestroy"); });
}
cublasStatus_t set_layout(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t attribute, const void* value, size_t size) {
  static const char* const function = "cublasLtMatrixLayoutSetAttribute";
  return counted<cublasStatus_t>(function, [&] {
    Layout* const l = layouts().find(layout);
    if (!l) return gone(function);
    switch (attribute) {
      case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT: return set(true, take(l->batch, value, size), function, attribute);
      case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET: return set(true, take(l->batch_stride, value, size), function, attribute);
      default: return set(false, false, function, attribute);
    }
  });
}
cublasStatus_t create_preference(cublasLtMatmulPreference_t* preference) {
  return counted<cublasStatus_t>("cublasLtMatmulPreferenceCreate", [&] { return *preference = preferences().create(), CUBLAS_STATUS_SUCCESS; });
}
cublasStatus_t destroy_preference(cublasLtMatmulPreference_t preference) {
  return counted<cublasStatus_t>("cublasLtMatmulPreferenceDestroy",
                                 [&] { return preferences().destroy(preference) ? CUBLAS_STATUS_SUCCESS : gone("cublasLtMatmulPreferenceDestroy"); });
}
cublasStatus_t set_preference(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute, const void* value, size_t size) {
  static const char* const function = "cublasLtMatmulPreferenceSetAttribute";
  return counted<cublasStatus_t>(function, [&] {
    Preference* const p = preferences().find(preference);
    if (!p) return gone(function);
    switch (attribute) {
      case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: return set(true, take(p->workspace, value, size), function, attribute);
      case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: return set(true, take(p->reductions, value, size), function, attribute);
      case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: return set(true, take(p->alignment[0], value, size), function, attribute);
      case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: return set(true, take(p->alignment[1], value, size), function, attribute);
      case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: return set(true, take(p->alignment[2], value, size), function, attribute);
      case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: return set(true, take(p->alignment[3], value, size), function, attribute);
      default: return set(false, false, function, attribute);
    }
  });
}

}  // namespace

CublasLt cublaslt_double() {
  return {create, destroy, status_name, status_string, version, create_matmul, destroy_matmul, set_matmul, create_layout, destroy_layout, set_layout,
          create_preference, destroy_preference, set_preference, heuristic, matmul};
}

}  // namespace mica::emulator
