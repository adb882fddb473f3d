#include "mica/tests/emulator/cublaslt_double_objects.h"

namespace mica::emulator::lt {

Objects<cublasLtContext, Context>& contexts() {
  static auto& result = *new Objects<cublasLtContext, Context>;
  return result;
}
Objects<cublasLtMatmulDescOpaque_t, Matmul>& matmuls() {
  static auto& result = *new Objects<cublasLtMatmulDescOpaque_t, Matmul>;
  return result;
}
Objects<cublasLtMatrixLayoutOpaque_t, Layout>& layouts() {
  static auto& result = *new Objects<cublasLtMatrixLayoutOpaque_t, Layout>;
  return result;
}
Objects<cublasLtMatmulPreferenceOpaque_t, Preference>& preferences() {
  static auto& result = *new Objects<cublasLtMatmulPreferenceOpaque_t, Preference>;
  return result;
}

DType dtype(uint32_t type) {
  switch (type) {
    case CUDA_R_64F: return f64;
    case CUDA_R_32F: return f32;
    case CUDA_R_16F: return f16;
    case CUDA_R_16BF: return bf16;
    default: return i64;
  }
}

cublasStatus_t gone(const char* function) {
  misuse(function, "a handle or descriptor was destroyed, or never created");
  return CUBLAS_STATUS_INVALID_VALUE;
}

bool consistent(const char* function, const Product& p) {
  const auto refuse = [&](const std::string& what) {
    misuse(function, what);
    return false;
  };
  const bool ta = p.op.transpose_a != CUBLAS_OP_N, tb = p.op.transpose_b != CUBLAS_OP_N;
  const auto rows_a = ta ? p.a.columns : p.a.rows, k_b = tb ? p.b.columns : p.b.rows, columns_b = tb ? p.b.rows : p.b.columns;
  const auto size = [](uint64_t rows, uint64_t columns) { return std::to_string(rows) + " x " + std::to_string(columns); };
  if (rows_a != p.d.rows || columns_b != p.d.columns || uint64_t(p.k()) != k_b || p.c.rows != p.d.rows || p.c.columns != p.d.columns)
    return refuse("op(A) " + size(rows_a, uint64_t(p.k())) + ", op(B) " + size(k_b, columns_b) + ", C " + size(p.c.rows, p.c.columns) + " and D " +
                  size(p.d.rows, p.d.columns) + " do not fit");
  for (const auto* l : {&p.a, &p.b, &p.c, &p.d}) {
    if (l->rows == 0 || l->columns == 0) return refuse("a matrix of " + size(l->rows, l->columns));
    if (l->ld < int64_t(l->rows)) return refuse("a leading dimension of " + std::to_string(l->ld) + " for " + std::to_string(l->rows) + " rows");
    if (l->batch != p.d.batch || l->batch < 1) return refuse("batches of " + std::to_string(l->batch) + " and " + std::to_string(p.d.batch) + " matrices");
    if (l == &p.d && l->batch > 1 && l->batch_stride < l->ld * int64_t(l->columns - 1) + int64_t(l->rows)) return refuse("the matrices of D overlap");
  }
  if (p.op.pointer_mode != CUBLASLT_POINTER_MODE_HOST) return refuse("the double takes alpha and beta from the host only");
  if (p.op.bias_type != -1 && p.op.bias_type != int32_t(p.d.type)) return refuse("the bias has another type than D");
  if ((p.adds_bias() || p.bias_gradient()) && !p.op.bias) return refuse("the epilogue needs a bias pointer, which is null");
  if (p.uses_aux()) {
    if (!p.op.aux) return refuse("the epilogue needs an auxiliary pointer, which is null");
    const int multiple = p.relu_aux() ? 128 : 8;
    if (p.op.aux_ld < p.m() || p.op.aux_ld % multiple)
      return refuse("the auxiliary leading dimension is " + std::to_string(p.op.aux_ld) + ", which must be a multiple of " + std::to_string(multiple) +
                    " and at least " + std::to_string(p.m()));
  }
  return true;
}

bool supported(const Product& p) {
  const DType a = dtype(p.a.type), d = dtype(p.d.type);
  if (p.a.type != p.b.type || p.c.type != p.d.type) return false;
  if (std::max({p.a.rows, p.a.columns, p.b.rows, p.b.columns, p.d.rows, p.d.columns}) > 0x7fffffff) return false;
  bool types = false;
  switch (p.op.compute) {
    case CUBLAS_COMPUTE_64F: types = p.op.scale == CUDA_R_64F && a == f64 && d == f64; break;
    case CUBLAS_COMPUTE_32F: types = p.op.scale == CUDA_R_32F && ((a == f32 && d == f32) || (is_half(a) && (d == a || d == f32))); break;
    case CUBLAS_COMPUTE_32F_FAST_TF32: types = p.op.scale == CUDA_R_32F && a == f32 && d == f32; break;
    default: break;
  }
  switch (p.op.epilogue) {
    case CUBLASLT_EPILOGUE_DEFAULT: case CUBLASLT_EPILOGUE_RELU: case CUBLASLT_EPILOGUE_BIAS: case CUBLASLT_EPILOGUE_RELU_BIAS: return types;
    case CUBLASLT_EPILOGUE_RELU_AUX: case CUBLASLT_EPILOGUE_RELU_AUX_BIAS: case CUBLASLT_EPILOGUE_DRELU: case CUBLASLT_EPILOGUE_DRELU_BGRAD:
    case CUBLASLT_EPILOGUE_GELU: case CUBLASLT_EPILOGUE_GELU_BIAS: case CUBLASLT_EPILOGUE_GELU_AUX: case CUBLASLT_EPILOGUE_GELU_AUX_BIAS:
    case CUBLASLT_EPILOGUE_DGELU: case CUBLASLT_EPILOGUE_DGELU_BGRAD: case CUBLASLT_EPILOGUE_BGRADA: case CUBLASLT_EPILOGUE_BGRADB:
      return types && a != f64 && p.d.batch == 1;
    default: return false;
  }
}

}  // namespace mica::emulator::lt
