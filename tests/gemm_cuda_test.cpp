#include "mica/cuda/gemm.h"
#include "mica/core/kernels.h"
#include "mica/mica.h"
#include "op_case.h"
// Our product of matrices, each of its kernels by name, against plain loops. Through the ops: matmul_test, linear_test.
#if MICA_HAS_CUDA
using namespace mica;
using namespace mica::testing;

namespace {
struct Case {
  int64_t m, n, k;
  bool a_turned = false, b_turned = false, c_turned = false;  // columns of neighbours in place of rows
  int64_t batch = 1, sum = 1, gap = 0;                        // gap: unused elements at the end of each row
  bool add = false, bias = false, same_b = false;             // same_b: one b for the whole batch
};
// A stack of matrices in memory of its own.
struct Stack {
  Tensor there;
  std::vector<double> values;
  int64_t row, column, each;
  Stack(DType type, int64_t rows, int64_t columns, bool turned, int64_t gap, int64_t count, uint64_t seed)
      : row(turned ? 1 : columns + gap), column(turned ? rows + gap : 1), each(turned ? columns * column : rows * row) {
    const Tensor x = cast(normal({each * count}, seed), type);
    values = x.to_vector<double>();
    there = to(x, cuda());
  }
  double operator()(int64_t matrix, int64_t i, int64_t j) const { return values[size_t(matrix * each + i * row + j * column)]; }
};

void check(const Case& c, DType type, DType c_type, GemmKernel kernel) {
  SCOPED_TRACE(std::string(name_of(type)) + " -> " + name_of(c_type) + ", kernel " + std::to_string(int(kernel)) + ", [" + std::to_string(c.m) + ", " + std::to_string(c.k) + "] x [" +
               std::to_string(c.k) + ", " + std::to_string(c.n) + "], gap " + std::to_string(c.gap) + ", batch " + std::to_string(c.batch) + ", sum " + std::to_string(c.sum));
  const Stack a(type, c.m, c.k, c.a_turned, c.gap, c.batch * c.sum, 1), b(type, c.k, c.n, c.b_turned, c.gap, c.sum * (c.same_b ? 1 : c.batch), 2);
  const Stack y(c_type, c.m, c.n, c.c_turned, c.gap, c.batch, 3), bias(f32, 1, c.n, false, 0, 1, 4);
  Gemm g{.type = type, .c_type = c_type, .m = c.m, .n = c.n, .k = c.k, .a = address(a.there), .a_row = a.row, .a_column = a.column, .b = address(b.there), .b_row = b.row,
         .b_column = b.column, .c = address(y.there), .c_row = y.row, .c_column = y.column, .add = c.add, .kernel = kernel};
  if (c.bias) g.bias = address(bias.there);
  if (c.batch > 1) g.batch.add(c.batch, y.each, a.each * c.sum, c.same_b ? 0 : b.each * c.sum);
  if (c.sum > 1) g.sum.add(c.sum, a.each, b.each);
  gemm(std::get<Cuda>(context_of(y.there)), g);
  const std::vector<double> got = y.there.to_vector<double>();
  std::vector<bool> written(got.size());
  for (int64_t s = 0; s < c.batch; ++s)
    for (int64_t i = 0; i < c.m; ++i)
      for (int64_t j = 0; j < c.n; ++j) {
        double total = (c.bias ? bias(0, 0, j) : 0) + (c.add ? y(s, i, j) : 0), size = (c.bias ? std::abs(bias(0, 0, j)) : 0) + (c.add ? std::abs(y(s, i, j)) : 0);
        for (int64_t t = 0; t < c.sum; ++t)
          for (int64_t k = 0; k < c.k; ++k) {
            const double product = a(s * c.sum + t, i, k) * b((c.same_b ? 0 : s) * c.sum + t, k, j);
            total += product;
            size += std::abs(product);
          }
        const size_t at = size_t(s * y.each + i * y.row + j * y.column);
        written[at] = true;
        ASSERT_LE(std::abs(got[at] - total), bound(total, size, c.k * c.sum + 1, c_type)) << s << ", " << i << ", " << j << " is " << got[at] << ", expected " << total;
      }
  for (size_t i = 0; i < got.size(); ++i) if (!written[i]) { ASSERT_EQ(got[i], y.values[i]) << "beside the matrix"; }
}

class GemmCuda : public ::testing::TestWithParam<std::tuple<DType, GemmKernel>> {
  void SetUp() override { if (!cuda_available()) GTEST_SKIP() << "no GPU, and no emulated device, in this build"; }
};
std::string name(const ::testing::TestParamInfo<std::tuple<DType, GemmKernel>>& info) {
  constexpr const char* kernels[] = {"automatic", "small", "large", "tensor_small", "tensor_large"};
  return std::string(name_of(std::get<0>(info.param))) + "_" + kernels[int(std::get<1>(info.param))];
}
INSTANTIATE_TEST_SUITE_P(Kernels, GemmCuda,
                         ::testing::Values(std::tuple(f64, GemmKernel::small), std::tuple(f32, GemmKernel::small), std::tuple(f32, GemmKernel::large), std::tuple(bf16, GemmKernel::small),
                                           std::tuple(bf16, GemmKernel::tensor_small), std::tuple(bf16, GemmKernel::tensor_large), std::tuple(f16, GemmKernel::tensor_small),
                                           std::tuple(f16, GemmKernel::tensor_large)), name);
}  // namespace

TEST_P(GemmCuda, OrdersOfMemory) {  // tiles that are full and cut off, aligned and not
  const auto [type, kernel] = GetParam();
  for (int order = 0; order < 8; ++order)
    for (const auto& [m, n, k, gap] : {std::tuple{70, 66, 35, 0}, {72, 136, 40, 8}, {5, 3, 1, 1}})
      check({.m = m, .n = n, .k = k, .a_turned = (order & 1) != 0, .b_turned = (order & 2) != 0, .c_turned = (order & 4) != 0, .gap = gap}, type, type, kernel);
}
TEST_P(GemmCuda, SumsThatAreDivided) {
  const auto [type, kernel] = GetParam();
  for (const Case& c : {Case{.m = 7, .n = 130, .k = 1100, .bias = true}, Case{.m = 33, .n = 20, .k = 600, .a_turned = true, .add = true}, Case{.m = 9, .n = 8, .k = 100, .batch = 2, .sum = 12}})
    for (const DType c_type : {type, f32})
      if (c_type == type || is_half(type)) check(c, type, c_type, kernel);
}
TEST_P(GemmCuda, BatchesAndWhatIsAdded) {
  const auto [type, kernel] = GetParam();
  for (const Case& c : {Case{.m = 17, .n = 9, .k = 12, .batch = 3, .bias = true}, Case{.m = 4, .n = 12, .k = 8, .batch = 2, .gap = 4, .add = true, .bias = true},
                        Case{.m = 6, .n = 8, .k = 5, .batch = 3, .sum = 2, .same_b = true}, Case{.m = 3, .n = 5, .k = 0, .bias = true}, Case{.m = 3, .n = 5, .k = 0, .add = true},
                        Case{.m = 0, .n = 5, .k = 2}, Case{.m = 4, .n = 3, .k = 7, .c_turned = true, .bias = true}})
    check(c, type, type, kernel);
}
TEST_P(GemmCuda, RepeatsBitForBit) {
  const auto [type, kernel] = GetParam();
  const Stack a(type, 40, 900, false, 0, 1, 1), b(type, 900, 50, false, 0, 1, 2);
  std::vector<double> first;
  for (int round = 0; round < 2; ++round) {
    const Stack y(f32, 40, 50, false, 0, 1, 3);
    const DType c_type = type == f64 ? f64 : f32;
    const Tensor out = c_type == f64 ? to(zeros({40, 50}, {f64}), cuda()) : y.there;
    gemm(std::get<Cuda>(context_of(out)), {.type = type, .c_type = c_type, .m = 40, .n = 50, .k = 900, .a = address(a.there), .a_row = 900, .b = address(b.there), .b_row = 50,
                                           .c = address(out), .c_row = 50, .kernel = kernel});
    if (round == 0) first = out.to_vector<double>(); else EXPECT_EQ(out.to_vector<double>(), first);
  }
}
// Integers have a kernel of their own; sums wrap.
TEST(Gemm, IntegersOnCuda) {
  if (!cuda_available()) GTEST_SKIP() << "no GPU, and no emulated device, in this build";
  for (const DType type : {i64, i32, u8})
    for (const auto& [a_shape, b_shape] : {std::pair<Shape, Shape>{{3, 5}, {5, 7}}, {{33, 9}, {9, 17}}, {{2, 1, 4, 3}, {5, 3, 6}}, {{4}, {4, 3}}}) {
      const Tensor a = cast(normal(a_shape, 1) * 100, type), b = cast(normal(b_shape, 2) * 100, type), expected = matmul(a, b);
      const Tensor got = matmul(to(a, cuda()), to(b, cuda()));
      EXPECT_EQ(got.dtype(), type);
      EXPECT_EQ(got.shape(), expected.shape());
      EXPECT_EQ(got.to_vector<int64_t>(), expected.to_vector<int64_t>()) << name_of(type) << to_string(a_shape);
    }
}
#endif
