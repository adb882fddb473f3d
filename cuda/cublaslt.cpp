#include "mica/cuda/cublaslt.h"
#include <cuda_runtime.h>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>
#include "mica/core/error.h"
#include "mica/cuda/cublaslt_table.h"
#include "mica/cuda/lru.h"
#include "mica/cuda/workspace.h"
// cuBLASLt is column-major: the row-major c = op(a) op(b) is its C^T = op(b)^T op(a)^T, with the same memory. So its A is our b, its rows are our n.
namespace mica {
namespace {
constexpr size_t most_workspace = size_t(32) << 20;  // what NVIDIA recommends for Hopper
constexpr size_t most_plans = 1024;
constexpr int most_algorithms = 8;

cublasLtEpilogue_t epilogue_of(LtEpilogue e) {
  switch (e) {
    case LtEpilogue::none: return CUBLASLT_EPILOGUE_DEFAULT;
    case LtEpilogue::bias: return CUBLASLT_EPILOGUE_BIAS;
    case LtEpilogue::relu: return CUBLASLT_EPILOGUE_RELU;
    case LtEpilogue::bias_relu: return CUBLASLT_EPILOGUE_RELU_BIAS;
    case LtEpilogue::relu_mask: return CUBLASLT_EPILOGUE_RELU_AUX;
    case LtEpilogue::bias_relu_mask: return CUBLASLT_EPILOGUE_RELU_AUX_BIAS;
    case LtEpilogue::drelu: return CUBLASLT_EPILOGUE_DRELU;
    case LtEpilogue::drelu_bias_gradient: return CUBLASLT_EPILOGUE_DRELU_BGRAD;
    case LtEpilogue::gelu: return CUBLASLT_EPILOGUE_GELU;
    case LtEpilogue::bias_gelu: return CUBLASLT_EPILOGUE_GELU_BIAS;
    case LtEpilogue::gelu_input: return CUBLASLT_EPILOGUE_GELU_AUX;
    case LtEpilogue::bias_gelu_input: return CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
    case LtEpilogue::dgelu: return CUBLASLT_EPILOGUE_DGELU;
    case LtEpilogue::dgelu_bias_gradient: return CUBLASLT_EPILOGUE_DGELU_BGRAD;
    case LtEpilogue::bias_gradient_a: return CUBLASLT_EPILOGUE_BGRADB;
    case LtEpilogue::bias_gradient_b: return CUBLASLT_EPILOGUE_BGRADA;
  }
  return CUBLASLT_EPILOGUE_DEFAULT;
}
bool has_mask(LtEpilogue e) {
  return e == LtEpilogue::relu_mask || e == LtEpilogue::bias_relu_mask || e == LtEpilogue::drelu || e == LtEpilogue::drelu_bias_gradient;
}
bool has_aux(LtEpilogue e) { return epilogue_of(e) & 128; }
bool has_bias(LtEpilogue e) {
  return e != LtEpilogue::none && (epilogue_of(e) & (CUBLASLT_EPILOGUE_BIAS | 16 | CUBLASLT_EPILOGUE_BGRADA | CUBLASLT_EPILOGUE_BGRADB));
}

cudaDataType_t type_of(DType t) { return t == f64 ? CUDA_R_64F : t == f32 ? CUDA_R_32F : t == f16 ? CUDA_R_16F : CUDA_R_16BF; }

std::string text(const LtMatmul& m) {
  const auto matrix = [](bool transposed, int64_t rows, int64_t columns) {
    return "[" + std::to_string(rows) + ", " + std::to_string(columns) + "]" + (transposed ? " (transposed)" : "");
  };
  return std::string(name_of(m.type)) + matrix(m.transpose_a, m.m, m.k) + " x " + name_of(m.type) + matrix(m.transpose_b, m.k, m.n) + " -> " + name_of(m.c_type) +
         matrix(false, m.m, m.n) + ", batch " + std::to_string(m.batch) + ", epilogue " + std::to_string(int(m.epilogue));
}
[[noreturn]] void fail(cublasStatus_t status, const char* function, const LtMatmul& m) {
  throw CudaError(std::string(function) + " failed: " + cublaslt().status_name(status) + ", " + cublaslt().status_string(status) + ", for " + text(m));
}
void check(cublasStatus_t status, const char* function, const LtMatmul& m) {
  if (status != CUBLAS_STATUS_SUCCESS) fail(status, function, m);
}

// A descriptor that is destroyed with its owner.
template <class T> class Held {
 public:
  explicit Held(cublasStatus_t (*destroy)(T)) : destroy_(destroy) {}
  ~Held() { if (value) destroy_(value); }
  Held(const Held&) = delete;
  T value = nullptr;

 private:
  cublasStatus_t (*destroy_)(T);
};

struct Plan {
  Held<cublasLtMatmulDesc_t> op{cublaslt().destroy_matmul};
  Held<cublasLtMatrixLayout_t> a{cublaslt().destroy_layout}, b{cublaslt().destroy_layout}, c{cublaslt().destroy_layout};  // a, b as the library names them
  std::vector<cublasLtMatmulHeuristicResult_t> algorithms;  // best first; the first ran already if `proven`
  bool proven = false;
  const void *bias = nullptr, *aux = nullptr;               // what op points to
};

struct PerDevice {
  std::mutex mutex;  // of the plans: a descriptor is set and used under it
  cublasLtHandle_t handle = nullptr;
  Lru<PlanKey<22>, std::unique_ptr<Plan>> plans{most_plans};
};
std::mutex devices_mutex;
std::map<int, PerDevice>& devices() {
  static auto& result = *new std::map<int, PerDevice>;  // the library must not be called when the process ends: the driver may be gone
  return result;
}
PerDevice& device_of(const Cuda& on) {
  const std::lock_guard lock(devices_mutex);
  return devices()[on.device];
}

uint32_t alignment(const void* p) {
  const auto bits = reinterpret_cast<uintptr_t>(p) | 256;
  return uint32_t(bits & -bits);
}

PlanKey<22> key_of(const LtMatmul& m) {
  return {int64_t(m.type), int64_t(m.c_type), m.transpose_a, m.transpose_b, m.m, m.n, m.k, m.lda, m.ldb, m.ldc, m.batch, m.stride_a, m.stride_b, m.stride_c,
          int64_t(m.epilogue), m.aux_ld, m.tf32, alignment(m.a), alignment(m.b), alignment(m.c), has_bias(m.epilogue) ? alignment(m.bias) : 0,
          has_aux(m.epilogue) ? alignment(m.aux) : 0};
}

template <class T> void set(Plan& plan, cublasLtMatmulDescAttributes_t attribute, T value, const LtMatmul& m) {
  check(cublaslt().set_matmul(plan.op.value, attribute, &value, sizeof value), "cublasLtMatmulDescSetAttribute", m);
}
void layout(Held<cublasLtMatrixLayout_t>& to, DType type, int64_t rows, int64_t columns, int64_t ld, int64_t batch_stride, const LtMatmul& m) {
  const auto& lt = cublaslt();
  check(lt.create_layout(&to.value, type_of(type), uint64_t(rows), uint64_t(columns), ld), "cublasLtMatrixLayoutCreate", m);
  if (m.batch == 1) return;
  const auto batch = int32_t(m.batch);
  check(lt.set_layout(to.value, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof batch), "cublasLtMatrixLayoutSetAttribute", m);
  check(lt.set_layout(to.value, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &batch_stride, sizeof batch_stride), "cublasLtMatrixLayoutSetAttribute", m);
}

void point(Plan& plan, const LtMatmul& m) {
  if (has_bias(m.epilogue) && plan.bias != m.bias) {
    plan.bias = nullptr;  // not known, if the call fails
    set<const void*>(plan, CUBLASLT_MATMUL_DESC_BIAS_POINTER, m.bias, m);
    plan.bias = m.bias;
  }
  if (has_aux(m.epilogue) && plan.aux != m.aux) {
    plan.aux = nullptr;
    set<const void*>(plan, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, m.aux, m);
    plan.aux = m.aux;
  }
}

void search(Plan& plan, cublasLtHandle_t handle, const LtMatmul& m) {
  const auto& lt = cublaslt();
  Held<cublasLtMatmulPreference_t> preference{lt.destroy_preference};
  check(lt.create_preference(&preference.value), "cublasLtMatmulPreferenceCreate", m);
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
    check(lt.set_preference(preference.value, attribute, &value, sizeof value), "cublasLtMatmulPreferenceSetAttribute", m);
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t(most_workspace));
  // Partial sums in the output's type would round 16-bit results twice.
  prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, uint32_t(CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(m.b));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(m.a));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(m.c));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(m.c));
  cublasLtMatmulHeuristicResult_t results[most_algorithms];
  int count = 0;
  const auto status =
      lt.heuristic(handle, plan.op.value, plan.a.value, plan.b.value, plan.c.value, plan.c.value, preference.value, most_algorithms, results, &count);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED) return;
  check(status, "cublasLtMatmulAlgoGetHeuristic", m);
  for (int i = 0; i < count; ++i)
    if (results[i].state == CUBLAS_STATUS_SUCCESS) plan.algorithms.push_back(results[i]);
}

std::unique_ptr<Plan> make_plan(cublasLtHandle_t handle, const LtMatmul& m) {
  auto plan = std::make_unique<Plan>();
  const auto compute = m.type == f64 ? CUBLAS_COMPUTE_64F : m.tf32 && m.type == f32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  check(cublaslt().create_matmul(&plan->op.value, compute, m.type == f64 ? CUDA_R_64F : CUDA_R_32F), "cublasLtMatmulDescCreate", m);
  set(*plan, CUBLASLT_MATMUL_DESC_TRANSA, int32_t(m.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N), m);
  set(*plan, CUBLASLT_MATMUL_DESC_TRANSB, int32_t(m.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N), m);
  set(*plan, CUBLASLT_MATMUL_DESC_EPILOGUE, uint32_t(epilogue_of(m.epilogue)), m);
  if (has_bias(m.epilogue)) set(*plan, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, int32_t(type_of(m.c_type)), m);
  if (has_aux(m.epilogue)) set(*plan, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, m.aux_ld, m);
  point(*plan, m);
  layout(plan->a, m.type, m.transpose_b ? m.k : m.n, m.transpose_b ? m.n : m.k, m.ldb, m.stride_b, m);
  layout(plan->b, m.type, m.transpose_a ? m.m : m.k, m.transpose_a ? m.k : m.m, m.lda, m.stride_a, m);
  layout(plan->c, m.c_type, m.n, m.m, m.ldc, m.stride_c, m);
  search(*plan, handle, m);
  return plan;
}

// Under the device's lock.
Plan& plan_of(PerDevice& device, const LtMatmul& m) {
  const auto& lt = cublaslt();
  if (!device.handle) {
    const auto status = lt.create(&device.handle);
    if (status != CUBLAS_STATUS_SUCCESS) device.handle = nullptr;
    check(status, "cublasLtCreate", m);
  }
  const auto key = key_of(m);
  if (auto* found = device.plans.find(key)) return **found;
  return *device.plans.insert(key, make_plan(device.handle, m));
}

void check_arguments(const LtMatmul& m) {
  if (m.k == 0) throw Error("cublaslt_matmul: k is 0, which cuBLASLt does not take: the caller must fill c");
  if (has_bias(m.epilogue) && !m.bias) throw Error("cublaslt_matmul: the epilogue needs a bias pointer");
  if (has_aux(m.epilogue) && !m.aux) throw Error("cublaslt_matmul: the epilogue needs an aux pointer");
}
}  // namespace

int64_t lt_aux_ld(LtEpilogue epilogue, int64_t n) {
  const int64_t multiple = has_mask(epilogue) ? 128 : 8;
  return has_aux(epilogue) ? (n + multiple - 1) / multiple * multiple : 0;
}
size_t lt_aux_bytes(LtEpilogue epilogue, int64_t m, int64_t n, DType c_type) {
  const int64_t elements = m * lt_aux_ld(epilogue, n);
  return has_mask(epilogue) ? size_t(elements / 8) : size_t(elements) * bytes_of(c_type);
}

void cublaslt_matmul(const Cuda& on, const LtMatmul& m) {
  if (m.m == 0 || m.n == 0 || m.batch == 0) return;
  check_arguments(m);
  const auto& lt = cublaslt();
  PerDevice& device = device_of(on);
  const std::lock_guard lock(device.mutex);
  Plan& plan = plan_of(device, m);
  point(plan, m);
  const float one = 1, beta = float(m.beta);
  const double one64 = 1, beta64 = m.beta;
  const bool wide = m.type == f64;
  cublasStatus_t status = CUBLAS_STATUS_NOT_SUPPORTED;
  while (!plan.algorithms.empty()) {
    const auto& algorithm = plan.algorithms.front();
    const Workspace workspace(on, algorithm.workspaceSize);
    status = lt.matmul(device.handle, plan.op.value, wide ? static_cast<const void*>(&one64) : &one, m.b, plan.a.value, m.a, plan.b.value,
                       wide ? static_cast<const void*>(&beta64) : &beta, m.c, plan.c.value, m.c, plan.c.value, &algorithm.algo, workspace.data(),
                       workspace.bytes(), on.stream);
    if (status == CUBLAS_STATUS_SUCCESS) {
      plan.proven = true;
      return;
    }
    // The search promises more than it keeps: an algorithm that never ran may refuse, and the next one is tried. Other errors are errors.
    if (plan.proven || (status != CUBLAS_STATUS_NOT_SUPPORTED && status != CUBLAS_STATUS_ARCH_MISMATCH)) break;
    plan.algorithms.erase(plan.algorithms.begin());
  }
  fail(status, "cublasLtMatmul", m);
}

bool cublaslt_supports(const Cuda& on, const LtMatmul& m) {
  if (m.m == 0 || m.n == 0 || m.batch == 0) return true;
  check_arguments(m);
  PerDevice& device = device_of(on);
  const std::lock_guard lock(device.mutex);
  return !plan_of(device, m).algorithms.empty();
}

void clear_cublaslt_plans() {
  const std::lock_guard lock(devices_mutex);
  for (auto& [number, device] : devices()) {
    const std::lock_guard own(device.mutex);
    device.plans.clear();
  }
}
size_t cublaslt_plans(const Cuda& on) {
  PerDevice& device = device_of(on);
  const std::lock_guard lock(device.mutex);
  return device.plans.size();
}

}  // namespace mica
