#include <cmath>
#include <cstring>
#include "mica/tests/emulator/cublaslt_double_objects.h"
// Products of the double of cuBLASLt, and the search for their algorithms.
namespace mica::emulator::lt {
namespace {
// What an algorithm struct of the double holds.
struct Algorithm {
  int64_t id, problem, workspace, aligned, low;  // low: partial sums are kept in D's type
};
static_assert(sizeof(Algorithm) <= sizeof(cublasLtMatmulAlgo_t));
constexpr int64_t fails = 1, aligned_only = 2, any_alignment = 3;

int64_t problem_number(const Product& p) {
  uint64_t h = 14695981039346656037u;
  const auto add = [&](int64_t v) { h = (h ^ uint64_t(v)) * 1099511628211u; };
  for (const auto* l : {&p.a, &p.b, &p.c, &p.d})
    for (const int64_t v : {int64_t(l->type), int64_t(l->rows), int64_t(l->columns), l->ld, l->batch_stride, int64_t(l->batch)}) add(v);
  for (const int64_t v : {int64_t(p.op.compute), int64_t(p.op.epilogue), int64_t(p.op.transpose_a), int64_t(p.op.transpose_b), p.op.aux_ld}) add(v);
  return int64_t(h >> 1);
}

size_t bytes(const Layout& l) {
  const int64_t matrix = l.ld * int64_t(l.columns - 1) + int64_t(l.rows);
  return size_t((l.batch - 1) * l.batch_stride + matrix) * bytes_of(dtype(l.type));
}
size_t aux_bytes(const Product& p) {
  if (!p.uses_aux()) return 0;
  return p.relu_aux() ? size_t(p.op.aux_ld / 8 * p.n()) : size_t(p.op.aux_ld * (p.n() - 1) + p.m()) * bytes_of(dtype(p.d.type));
}
size_t bias_bytes(const Product& p) {
  if (!p.adds_bias() && !p.bias_gradient()) return 0;
  return size_t(p.has(CUBLASLT_EPILOGUE_BGRADB) ? p.n() : p.m()) * bytes_of(dtype(p.d.type));
}

// op(X) of one matrix of a batch, column by column.
std::vector<double> matrix(const void* data, const Layout& l, int64_t which, bool transposed, bool as_tf32) {
  const int64_t rows = int64_t(l.rows), columns = int64_t(l.columns);
  std::vector<double> result(static_cast<size_t>(rows * columns));
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t i = 0; i < rows; ++i) {
      const double v = element(data, dtype(l.type), which * l.batch_stride + j * l.ld + i);
      result[size_t(transposed ? i * columns + j : j * rows + i)] = as_tf32 ? tf32(v) : v;
    }
  return result;
}

double gelu_gate(double x) { return 1 / (1 + std::exp(-1.5957691216057308 * x * (1 + 0.044715 * x * x))); }

// One matrix of the batch: D = epilogue(alpha op(A) op(B) + beta C).
void multiply(const Product& p, const Algorithm& algorithm, double alpha, const void* a, const void* b, double beta, const void* c, void* d, int64_t which) {
  const int64_t m = p.m(), n = p.n(), k = p.k();
  const bool as_tf32 = p.op.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
  const auto x = matrix(a, p.a, which, p.op.transpose_a != CUBLAS_OP_N, as_tf32), y = matrix(b, p.b, which, p.op.transpose_b != CUBLAS_OP_N, as_tf32);
  const DType type = dtype(p.d.type);
  auto* mask = static_cast<unsigned char*>(const_cast<void*>(p.op.aux));
  std::vector<double> sums(static_cast<size_t>(m)), column(static_cast<size_t>(m));
  for (int64_t j = 0; j < n; ++j) {
    std::fill(column.begin(), column.end(), 0.0);
    for (int64_t l = 0; l < k; ++l) {
      const double factor = y[size_t(j * k + l)];
      const double* from = &x[size_t(l * m)];
      for (int64_t i = 0; i < m; ++i) column[size_t(i)] += from[i] * factor;
      if (algorithm.low && l == k / 2)
        for (auto& v : column) v = rounded(type, v);
    }
    for (int64_t i = 0; i < m; ++i) {
      const int64_t at = which * p.d.batch_stride + j * p.d.ld + i, aux_at = j * p.op.aux_ld + i;
      double v = alpha * column[size_t(i)];
      if (beta != 0) v += beta * element(c, dtype(p.c.type), which * p.c.batch_stride + j * p.c.ld + i);
      if (p.adds_bias()) v += element(p.op.bias, type, i);
      if (p.has(CUBLASLT_EPILOGUE_RELU)) {
        if (p.uses_aux()) {
          if (i % 8 == 0) mask[aux_at / 8] = 0;
          if (v > 0) mask[aux_at / 8] = static_cast<unsigned char>(mask[aux_at / 8] | 1 << i % 8);
        }
        v = v > 0 ? v : 0;  // as fmax: a NaN is lost, which the library does not rule out
      } else if (p.has(8)) {
        if (!(mask[aux_at / 8] >> i % 8 & 1)) v = 0;
      } else if (p.has(CUBLASLT_EPILOGUE_GELU)) {
        if (p.uses_aux()) set_element(const_cast<void*>(p.op.aux), type, aux_at, v);
        v *= gelu_gate(v);
      } else if (p.has(64)) {
        const double u = element(p.op.aux, type, aux_at), g = gelu_gate(u);
        v *= g + u * g * (1 - g) * 1.5957691216057308 * (1 + 0.134145 * u * u);
      }
      sums[size_t(i)] += v;
      set_element(d, type, at, v);
    }
  }
  void* const bias = const_cast<void*>(p.op.bias);
  if (p.has(16))
    for (int64_t i = 0; i < m; ++i) set_element(bias, type, i, sums[size_t(i)]);
  if (p.has(CUBLASLT_EPILOGUE_BGRADA))
    for (int64_t i = 0; i < m; ++i) {
      double sum = 0;
      for (int64_t l = 0; l < k; ++l) sum += x[size_t(l * m + i)];
      set_element(bias, type, i, sum);
    }
  if (p.has(CUBLASLT_EPILOGUE_BGRADB))
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < k; ++l) sum += y[size_t(j * k + l)];
      set_element(bias, type, j, sum);
    }
}

bool read_product(cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d, Product& p) {
  const auto *op = matmuls().find(desc);
  const Layout* all[] = {layouts().find(a), layouts().find(b), layouts().find(c), layouts().find(d)};
  if (!op || !all[0] || !all[1] || !all[2] || !all[3]) return false;
  p = {*op, *all[0], *all[1], *all[2], *all[3]};
  return true;
}

}  // namespace

cublasStatus_t heuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                         cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference, int most, cublasLtMatmulHeuristicResult_t results[], int* count) {
  static const char* const function = "cublasLtMatmulAlgoGetHeuristic";
  return counted<cublasStatus_t>(function, [&] {
    Product p;
    const Preference* const wanted = preferences().find(preference);
    if (!contexts().find(handle) || !wanted || !read_product(desc, a, b, c, d, p)) return gone(function);
    *count = 0;
    if (most <= 0 || !consistent(function, p)) return CUBLAS_STATUS_INVALID_VALUE;
    if (!supported(p)) return CUBLAS_STATUS_NOT_SUPPORTED;
    const uint32_t alignment = *std::min_element(wanted->alignment, wanted->alignment + 4);
    const int64_t low = wanted->reductions & (CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE | CUBLASLT_REDUCTION_SCHEME_INPLACE) ? 1 : 0;
    for (const Algorithm& algorithm : {Algorithm{fails, problem_number(p), 2048, 16, low}, Algorithm{aligned_only, problem_number(p), 1024, 16, low},
                                       Algorithm{any_alignment, problem_number(p), 256, 1, low}}) {
      if (*count == most || algorithm.aligned > alignment || uint64_t(algorithm.workspace) > wanted->workspace) continue;
      auto& result = results[(*count)++];
      result = {};
      std::memcpy(&result.algo, &algorithm, sizeof algorithm);
      result.workspaceSize = size_t(algorithm.workspace);
      result.state = CUBLAS_STATUS_SUCCESS;
      result.wavesCount = 1;
    }
    return *count ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
  });
}

cublasStatus_t matmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void* alpha, const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                      cublasLtMatrixLayout_t b_layout, const void* beta, const void* c, cublasLtMatrixLayout_t c_layout, void* d, cublasLtMatrixLayout_t d_layout,
                      const cublasLtMatmulAlgo_t* algo, void* workspace, size_t workspace_bytes, cudaStream_t stream) {
  static const char* const function = "cublasLtMatmul";
  const void* const code = __builtin_return_address(0);
  return counted<cublasStatus_t>(function, [&] {
    const auto refuse = [&](const std::string& what) {
      misuse(function, what);
      return CUBLAS_STATUS_INVALID_VALUE;
    };
    Product p;
    if (!contexts().find(handle) || !read_product(desc, a_layout, b_layout, c_layout, d_layout, p)) return gone(function);
    if (!consistent(function, p)) return CUBLAS_STATUS_INVALID_VALUE;
    if (!supported(p)) return CUBLAS_STATUS_NOT_SUPPORTED;
    if (!algo) return refuse("no algorithm is given: the library would search at every call");
    Algorithm algorithm;
    std::memcpy(&algorithm, algo, sizeof algorithm);
    if (algorithm.problem != problem_number(p)) return refuse("the algorithm was searched for another product");
    if (algorithm.id == fails) return CUBLAS_STATUS_NOT_SUPPORTED;
    for (const void* pointer : {a, b, c, static_cast<const void*>(d)})
      if (reinterpret_cast<uintptr_t>(pointer) % uintptr_t(algorithm.aligned)) return refuse("an operand is not aligned to the bytes promised in the search");
    if (!workspace || workspace_bytes < size_t(algorithm.workspace))
      return refuse("a workspace of " + std::to_string(workspace ? workspace_bytes : 0) + " bytes, where the algorithm needs " +
                    std::to_string(algorithm.workspace));
    if (c == d && (p.c.ld != p.d.ld || p.c.batch_stride != p.d.batch_stride)) return refuse("C is D, but their layouts differ");
    if (!alpha || !beta) return refuse("alpha or beta is null");
    const bool wide = p.op.scale == CUDA_R_64F;
    const double by = wide ? *static_cast<const double*>(alpha) : double(*static_cast<const float*>(alpha));
    const double keep = wide ? *static_cast<const double*>(beta) : double(*static_cast<const float*>(beta));
    const bool aux_out = p.writes_aux(), bias_out = p.bias_gradient();
    const std::vector<Span> spans = {{a, bytes(p.a)}, {b, bytes(p.b)}, {c, keep == 0 ? 0 : bytes(p.c)}, {d, bytes(p.d), true},
                                     {p.op.bias, bias_bytes(p), bias_out}, {p.op.aux, aux_bytes(p), aux_out}};
    const Span work{workspace, workspace_bytes, true};
    if (!check_spans(function, spans) || !check_spans(function, {work})) return CUBLAS_STATUS_INVALID_VALUE;
    const auto run = [=] {
      for (int64_t i = 0; i < p.d.batch; ++i) multiply(p, algorithm, by, a, b, keep, c, d, i);
    };
    return queue(stream, function, code, spans, run, work) == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
  });
}
}  // namespace mica::emulator::lt
