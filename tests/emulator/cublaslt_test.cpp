#include "mica/cuda/cublaslt.h"
#include <gmock/gmock.h>
#include <thread>
#include "mica/core/error.h"
#include "mica/cuda/cublaslt_table.h"
#include "mica/tests/emulator/arena.h"
#include "mica/tests/emulator/library_testing.h"
#include "mica/tests/emulator/runtime.h"
// Products through cuBLASLt's double: numbers against plain loops, plans, failures.
namespace mica::emulator {
namespace {
using testing::HasSubstr;

struct Case {
  DType type = f32, c_type = f32;
  bool ta = false, tb = false;
  int64_t m = 5, n = 7, k = 3, batch = 1, gap = 0;  // gap: unused elements at the end of each row
  double beta = 0;
};
int64_t rows_a(const Case& c) { return c.ta ? c.k : c.m; }
int64_t columns_a(const Case& c) { return c.ta ? c.m : c.k; }
int64_t rows_b(const Case& c) { return c.tb ? c.n : c.k; }
int64_t columns_b(const Case& c) { return c.tb ? c.k : c.n; }

LtMatmul product(const Case& c, const Values& a, const Values& b, const Values& y) {
  LtMatmul m;
  m.type = c.type, m.c_type = c.c_type, m.transpose_a = c.ta, m.transpose_b = c.tb, m.m = c.m, m.n = c.n, m.k = c.k;
  m.a = a.data(), m.lda = columns_a(c) + c.gap, m.b = b.data(), m.ldb = columns_b(c) + c.gap, m.c = y.data(), m.ldc = c.n + c.gap;
  m.batch = c.batch, m.stride_a = rows_a(c) * m.lda, m.stride_b = rows_b(c) * m.ldb, m.stride_c = c.m * m.ldc, m.beta = c.beta;
  return m;
}

struct Operands {
  std::vector<double> a_host, b_host, c_host;
  Values a, b, c;
  explicit Operands(const Case& k)
      : a_host(numbers(k.batch * rows_a(k) * (columns_a(k) + k.gap), 1)), b_host(numbers(k.batch * rows_b(k) * (columns_b(k) + k.gap), 2)),
        c_host(numbers(k.batch * k.m * (k.n + k.gap), 3)), a(k.type, a_host), b(k.type, b_host), c(k.c_type, c_host) {}
};

// op(a) op(b) + beta c where c is stored; the gaps keep what they had.
std::vector<double> expected(const Case& c, const Operands& o) {
  auto y = o.c_host;
  const int64_t lda = columns_a(c) + c.gap, ldb = columns_b(c) + c.gap, ldc = c.n + c.gap;
  for (int64_t z = 0; z < c.batch; ++z)
    for (int64_t i = 0; i < c.m; ++i)
      for (int64_t j = 0; j < c.n; ++j) {
        double sum = 0;
        for (int64_t l = 0; l < c.k; ++l)
          sum += o.a_host[size_t(z * rows_a(c) * lda + (c.ta ? l * lda + i : i * lda + l))] *
                 o.b_host[size_t(z * rows_b(c) * ldb + (c.tb ? j * ldb + l : l * ldb + j))];
        auto& v = y[size_t((z * c.m + i) * ldc + j)];
        v = sum + c.beta * v;
      }
  return y;
}

TEST(CublasLt, TableIsComplete) {
  CublasLt table = cublaslt();
  table.each([](const char* name, auto function) { EXPECT_NE(function, nullptr) << name; });
  EXPECT_TRUE(has_cublaslt());
  EXPECT_THAT(cublaslt_version(), HasSubstr("double"));
}

TEST(CublasLt, ProductsOfAllTypesAndTransposes) {
  for (const auto& [type, c_type] : {std::pair(f64, f64), {f32, f32}, {f16, f16}, {bf16, bf16}, {f16, f32}, {bf16, f32}})
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        for (const Case& sizes :
             {Case{}, Case{.m = 1, .n = 1, .k = 1}, Case{.m = 33, .n = 17, .k = 40, .gap = 3}, Case{.m = 4, .n = 3, .k = 8, .batch = 3, .beta = 0.5}}) {
          Case c = sizes;
          c.type = type, c.c_type = c_type, c.ta = ta, c.tb = tb;
          const Operands o(c);
          cublaslt_matmul(on, product(c, o.a, o.b, o.c));
          expect_values(o.c.host(), expected(c, o), c_type);
        }
}

TEST(CublasLt, OneMatrixForTheWholeBatch) {
  const Case c{.batch = 2};
  Operands o(c);
  auto m = product(c, o.a, o.b, o.c);
  m.stride_b = 0;
  cublaslt_matmul(on, m);
  std::copy_n(o.b_host.begin(), 21, o.b_host.begin() + 21);
  expect_values(o.c.host(), expected(c, o), f32);
}

TEST(CublasLt, Tf32OnlyWhereItIsAllowed) {
  const Case c{.m = 1, .n = 1, .k = 1};
  const Values a(f32, std::vector<double>{1 + 0x1p-20}), b(f32, std::vector<double>{1.0}), y(f32, 1);
  auto m = product(c, a, b, y);
  cublaslt_matmul(on, m);
  EXPECT_EQ(y.host()[0], 1 + 0x1p-20);
  m.tf32 = true;
  cublaslt_matmul(on, m);
  EXPECT_EQ(y.host()[0], 1);
}

TEST(CublasLt, BiasAndRelu) {
  for (const DType type : {f64, f32, bf16})
    for (const auto epilogue : {LtEpilogue::bias, LtEpilogue::relu, LtEpilogue::bias_relu, LtEpilogue::bias_relu_mask, LtEpilogue::relu_mask}) {
      const bool mask = epilogue == LtEpilogue::bias_relu_mask || epilogue == LtEpilogue::relu_mask;
      if (mask && type == f64) continue;
      const Case c{.type = type, .c_type = type, .m = 6, .n = 20};
      const Operands o(c);
      const auto bias_host = numbers(c.n, 4);
      const Values bias(type, bias_host);
      const DeviceArray<char> aux(lt_aux_bytes(LtEpilogue::relu_mask, c.m, c.n, type));
      auto m = product(c, o.a, o.b, o.c);
      m.epilogue = epilogue, m.bias = bias.data(), m.aux = aux, m.aux_ld = lt_aux_ld(epilogue, c.n);
      cublaslt_matmul(on, m);
      auto y = expected(c, o);
      const bool adds = epilogue != LtEpilogue::relu && epilogue != LtEpilogue::relu_mask;
      std::vector<double> kept(y.size());
      for (size_t i = 0; i < y.size(); ++i) {
        if (adds) y[i] += bias_host[i % size_t(c.n)];
        kept[i] = y[i] > 0;
        if (epilogue != LtEpilogue::bias) y[i] = std::max(y[i], 0.0);
      }
      expect_values(o.c.host(), y, type);
      if (!mask) continue;
      // The mask goes back through drelu, and its sum into the bias' gradient.
      for (const auto backward : {LtEpilogue::drelu, LtEpilogue::drelu_bias_gradient}) {
        const Values dx(type, c.m * c.n), dbias(type, c.n);
        auto d = product(c, o.a, o.b, dx);
        d.epilogue = backward, d.bias = dbias.data(), d.aux = aux, d.aux_ld = m.aux_ld;
        cublaslt_matmul(on, d);
        auto want = expected(c, o);
        std::vector<double> sums(size_t(c.n), 0.0);
        for (size_t i = 0; i < want.size(); ++i) sums[i % size_t(c.n)] += want[i] *= kept[i];
        expect_values(dx.host(), want, type);
        if (backward == LtEpilogue::drelu_bias_gradient) expect_values(dbias.host(), sums, type);
      }
    }
}

TEST(CublasLt, GeluThereAndBack) {
  const auto gelu = [](double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); };
  const Case c{.m = 4, .n = 6};
  const Operands o(c);
  const auto bias_host = numbers(c.n, 4);
  const Values bias(f32, bias_host), aux(f32, c.m * 8);
  auto m = product(c, o.a, o.b, o.c);
  m.epilogue = LtEpilogue::bias_gelu_input, m.bias = bias.data(), m.aux = aux.data(), m.aux_ld = lt_aux_ld(m.epilogue, c.n);
  EXPECT_EQ(m.aux_ld, 8);
  EXPECT_EQ(lt_aux_bytes(m.epilogue, c.m, c.n, f32), size_t(c.m * 8 * 4));
  cublaslt_matmul(on, m);
  auto u = expected(c, o);
  for (size_t i = 0; i < u.size(); ++i) u[i] += bias_host[i % size_t(c.n)];
  auto y = u;
  for (auto& v : y) v = gelu(v);
  expect_values(o.c.host(), y, f32, 1e-6);
  const Values dx(f32, c.m * c.n), dbias(f32, c.n);
  auto d = product(c, o.a, o.b, dx);
  d.epilogue = LtEpilogue::dgelu_bias_gradient, d.bias = dbias.data(), d.aux = aux.data(), d.aux_ld = m.aux_ld;
  cublaslt_matmul(on, d);
  auto want = expected(c, o);
  std::vector<double> sums(size_t(c.n), 0.0);
  for (size_t i = 0; i < want.size(); ++i) {
    want[i] *= (gelu(u[i] + 1e-5) - gelu(u[i] - 1e-5)) / 2e-5;
    sums[i % size_t(c.n)] += want[i];
  }
  expect_values(dx.host(), want, f32, 1e-5);
  expect_values(dbias.host(), sums, f32, 1e-4);
}

TEST(CublasLt, BiasGradientsOfBothOperands) {
  for (const bool ta : {false, true}) {
    const Case c{.type = bf16, .ta = ta, .tb = ta};
    const Operands o(c);
    const Values da(f32, c.m), db(f32, c.n);
    auto m = product(c, o.a, o.b, o.c);
    m.epilogue = LtEpilogue::bias_gradient_a, m.bias = da.data();
    cublaslt_matmul(on, m);
    m.epilogue = LtEpilogue::bias_gradient_b, m.bias = db.data();
    cublaslt_matmul(on, m);
    std::vector<double> a(size_t(c.m), 0.0), b(size_t(c.n), 0.0);
    for (int64_t l = 0; l < c.k; ++l) {
      for (int64_t i = 0; i < c.m; ++i) a[size_t(i)] += o.a_host[size_t(ta ? l * c.m + i : i * c.k + l)];
      for (int64_t j = 0; j < c.n; ++j) b[size_t(j)] += o.b_host[size_t(ta ? j * c.k + l : l * c.n + j)];
    }
    expect_values(da.host(), a, f32);
    expect_values(db.host(), b, f32);
    expect_values(o.c.host(), expected(c, o), f32);
  }
}

TEST(CublasLt, EmptyAndRefusedProducts) {
  const Case c;
  const Operands o(c);
  auto m = product(c, o.a, o.b, o.c);
  m.m = 0;
  cublaslt_matmul(on, m);
  EXPECT_TRUE(cublaslt_supports(on, m));
  m = product(c, o.a, o.b, o.c);
  m.k = 0;
  EXPECT_THROW(cublaslt_matmul(on, m), Error);
  m = product(c, o.a, o.b, o.c);
  m.epilogue = LtEpilogue::bias;
  EXPECT_THROW(cublaslt_matmul(on, m), Error);
  const Case wide{.type = f64, .c_type = f64};
  const Operands w(wide);
  m = product(wide, w.a, w.b, w.c);
  EXPECT_TRUE(cublaslt_supports(on, m));
  m.epilogue = LtEpilogue::gelu;
  EXPECT_FALSE(cublaslt_supports(on, m));
  try {
    cublaslt_matmul(on, m);
    FAIL() << "the library has no such product";
  } catch (const CudaError& e) {
    EXPECT_THAT(e.what(), HasSubstr("cublasLtMatmul failed: CUBLAS_STATUS_NOT_SUPPORTED"));
    EXPECT_THAT(e.what(), HasSubstr("f64[5, 3] x f64[3, 7] -> f64[5, 7]"));
  }
  expect_values(o.c.host(), o.c_host, f32);
}

TEST(CublasLt, SecondCallSearchesNothing) {
  clear_cublaslt_plans();
  const Case c;
  const Operands o(c);
  const Values bias(f32, numbers(c.n)), other(f32, numbers(c.n));
  auto m = product(c, o.a, o.b, o.c);
  m.epilogue = LtEpilogue::bias, m.bias = bias.data();
  reset_calls();
  cublaslt_matmul(on, m);
  EXPECT_EQ(calls("cublasLtMatmulAlgoGetHeuristic"), 1);
  EXPECT_EQ(calls("cublasLtMatmul"), 2) << "the first algorithm of the double fails";
  reset_calls();
  cublaslt_matmul(on, m);
  EXPECT_EQ(calls("cublasLtMatmul"), 1);
  EXPECT_EQ(calls(""), 3) << "the product, and the workspace there and back";
  m.bias = other.data();
  reset_calls();
  cublaslt_matmul(on, m);
  EXPECT_EQ(calls("cublasLtMatmulDescSetAttribute"), 1) << "another bias";
  EXPECT_EQ(calls(""), 4);
  EXPECT_EQ(cublaslt_plans(on), 1u);
  // Less aligned operands are another plan, and run.
  const Values shifted(f32, numbers(rows_a(c) * columns_a(c) + 1, 1));
  m.a = static_cast<const float*>(shifted.data()) + 1;
  cublaslt_matmul(on, m);
  EXPECT_EQ(cublaslt_plans(on), 2u);
  cudaDeviceSynchronize();
}

TEST(CublasLt, WorkIsQueuedAndOrdered) {
  cudaStream_t stream;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  const Case c;
  const Operands o(c);
  cublaslt_matmul({.device = 0, .stream = stream}, product(c, o.a, o.b, o.c));
  expect_values(o.c.host(), o.c_host, f32);  // nobody has waited for that stream
  check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  expect_values(o.c.host(), expected(c, o), f32);
  EXPECT_TRUE(!detects_races || caught("race between streams", {"cublasLtMatmul called at"})) << "the first look was too early";
  check(cudaStreamDestroy(stream), "cudaStreamDestroy");
}

TEST(CublasLt, ThreadsShareAPlan) {
  const Case c;
  const Operands o(c);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      const Values y(f32, c.m * c.n);
      for (int j = 0; j < 20; ++j) cublaslt_matmul(on, product(c, o.a, o.b, y));
      expect_values(y.host(), expected(c, o), f32);
    });
  for (auto& t : threads) t.join();
}

// Every call, of the library and of the runtime, fails once: a typed error, nothing left behind, and the next product is right.
TEST(CublasLt, EveryCallMayFail) {
  const Case c{.batch = 2};
  const Operands o(c);
  const auto m = product(c, o.a, o.b, o.c);
  cublaslt_matmul(on, m);
  int failures = 0;
  for (int n = 1;; ++n) {
    clear_cublaslt_plans();
    cudaDeviceSynchronize();
    const size_t objects = library_objects(), allocations = arena().allocations();
    reset_calls();
    fail_call("", n, cudaError_t(CUBLAS_STATUS_INTERNAL_ERROR));
    bool failed = false;
    try {
      cublaslt_matmul(on, m);
    } catch (const CudaError& e) {
      failed = true;
      ++failures;
      EXPECT_THAT(e.what(), HasSubstr(" failed"));
    }
    const bool reached = calls("") >= n;
    reset_calls();
    if (!reached) break;
    clear_cublaslt_plans();
    cudaDeviceSynchronize();
    cudaGetLastError();
    EXPECT_EQ(arena().allocations(), allocations) << "call " << n;
    EXPECT_LE(library_objects(), objects + (failed ? 0 : 1)) << "call " << n << ": what is not an error can only be a destroy that failed";
    cublaslt_matmul(on, m);
    expect_values(o.c.host(), expected(c, o), f32);
  }
  EXPECT_GT(failures, 10);
  clear_cublaslt_plans();
}

TEST(CublasLtDouble, ReportsMisuse) {
  const auto& lt = cublaslt();
  const Case c;
  const Operands o(c);
  cublaslt_matmul(on, product(c, o.a, o.b, o.c));
  cublasLtHandle_t handle;
  lt.create(&handle);
  cublasLtMatmulDesc_t op;
  lt.create_matmul(&op, CUBLAS_COMPUTE_32F, CUDA_R_32F);
  cublasLtMatrixLayout_t a, b, d, wrong;
  lt.create_layout(&a, CUDA_R_32F, 7, 3, 7);  // the library's A is 7 x 3, its B 3 x 5
  lt.create_layout(&b, CUDA_R_32F, 3, 5, 3);
  lt.create_layout(&d, CUDA_R_32F, 7, 5, 7);
  lt.create_layout(&wrong, CUDA_R_32F, 5, 7, 7);
  cublasLtMatmulPreference_t preference;
  lt.create_preference(&preference);
  cublasLtMatmulHeuristicResult_t results[8];
  int count = 0;
  const uint64_t limit = 4096;
  const auto search = [&](cublasLtMatrixLayout_t out) { return lt.heuristic(handle, op, a, b, out, out, preference, 8, results, &count); };
  EXPECT_EQ(search(d), CUBLAS_STATUS_NOT_SUPPORTED) << "no workspace is allowed";
  EXPECT_EQ(lt.set_preference(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &limit, 4), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_TRUE(caught("misused library", {"wrong size"}));
  lt.set_preference(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &limit, sizeof limit);
  EXPECT_EQ(search(wrong), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_TRUE(caught("misused library", {"do not fit"}));
  ASSERT_EQ(search(d), CUBLAS_STATUS_SUCCESS);
  ASSERT_EQ(count, 3);
  const DeviceArray<char> workspace(4096);
  const float one = 1, zero = 0;
  const auto run = [&](int algorithm, const void* x, void* space, size_t bytes) {
    return lt.matmul(handle, op, &one, x, a, o.a.data(), b, &zero, o.c.data(), d, o.c.data(), d, algorithm < 0 ? nullptr : &results[algorithm].algo, space,
                     bytes, nullptr);
  };
  EXPECT_EQ(run(0, o.b.data(), workspace, 4096), CUBLAS_STATUS_NOT_SUPPORTED) << "listed, and fails";
  EXPECT_EQ(run(1, o.b.data(), workspace, 4096), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(run(1, o.b.data(), nullptr, 0), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_TRUE(caught("misused library", {"a workspace of 0 bytes"}));
  EXPECT_EQ(run(1, o.b.data(), workspace, 10), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_TRUE(caught("misused library", {"a workspace of 10 bytes"}));
  EXPECT_EQ(run(-1, o.b.data(), workspace, 4096), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_TRUE(caught("misused library", {"no algorithm"}));
  EXPECT_EQ(run(1, static_cast<char*>(o.b.data()) + 4, workspace, 4096), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_TRUE(caught("misused library", {"not aligned"}));
  EXPECT_EQ(run(2, static_cast<char*>(o.b.data()) + 4, workspace, 4096), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_TRUE(caught("misused library", {"not in one device allocation"}));
  EXPECT_EQ(run(2, &one, workspace, 4096), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_TRUE(caught("misused library", {"host memory"}));
  const int32_t transposed = CUBLAS_OP_T;
  lt.set_matmul(op, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed);
  EXPECT_EQ(run(2, o.b.data(), workspace, 4096), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_TRUE(caught("misused library", {"do not fit"}));
  const int32_t plain = CUBLAS_OP_N;
  lt.set_matmul(op, CUBLASLT_MATMUL_DESC_TRANSA, &plain, sizeof plain);
  const uint32_t relu = CUBLASLT_EPILOGUE_RELU;
  lt.set_matmul(op, CUBLASLT_MATMUL_DESC_EPILOGUE, &relu, sizeof relu);
  EXPECT_EQ(run(2, o.b.data(), workspace, 4096), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_TRUE(caught("misused library", {"another product"}));
  const uint32_t mask = CUBLASLT_EPILOGUE_RELU_AUX;
  const int64_t ld = 64;
  const void* aux = workspace;
  lt.set_matmul(op, CUBLASLT_MATMUL_DESC_EPILOGUE, &mask, sizeof mask);
  lt.set_matmul(op, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, &ld, sizeof ld);
  lt.set_matmul(op, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, &aux, sizeof aux);
  EXPECT_EQ(search(d), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_TRUE(caught("misused library", {"multiple of 128"}));
  lt.destroy_layout(wrong);
  EXPECT_EQ(lt.destroy_layout(wrong), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_TRUE(caught("misused library", {"destroyed"}));
  for (auto layout : {a, b, d}) lt.destroy_layout(layout);
  lt.destroy_matmul(op);
  lt.destroy_preference(preference);
  lt.destroy(handle);
  cudaDeviceSynchronize();
  expect_values(o.c.host(), expected(c, o), f32);
}

TEST(CublasLtDouble, PartialSumsInTheOutputsTypeLoseDigits) {
  // The sum is a bf16; half of it, 1 + 2^-8, is not. A double that may keep partial sums as bf16 rounds that to 1, and mica must not allow it.
  const Case c{.type = bf16, .c_type = bf16, .m = 1, .n = 1, .k = 4};
  const Values a(bf16, std::vector<double>{1, 0x1p-9, 0x1p-9, 0x1p-8}), b(bf16, std::vector<double>{1, 1, 1, 1}), y(bf16, 1);
  cublaslt_matmul(on, product(c, a, b, y));
  EXPECT_EQ(y.host()[0], rounded(bf16, 1 + 0x1p-7));
}

}  // namespace
}  // namespace mica::emulator
